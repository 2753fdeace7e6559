// SPDX-License-Identifier: AGPL-3.0-or-later
import { forgeRepository } from '../helpers/restic-forge.ts';
import { createResticLab } from '../helpers/restic-lab.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';
import { describeUpkeep } from './upkeep.ts';

for (const series of RESTIC_SERIES) {
  describeUpkeep(`restic ${series}`, async () => {
    const lab = await createResticLab(series);
    return {
      upkeep: (host) => lab.upkeep(host),
      seed: async (host, times) => {
        const forge = await forgeRepository(lab, host);
        return times.map((time) => forge.snapshot({ time, hostname: host }));
      },
      close: async () => lab.remove(),
    };
  });
}
