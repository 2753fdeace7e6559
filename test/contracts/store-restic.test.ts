// SPDX-License-Identifier: AGPL-3.0-or-later
import { createResticLab } from '../helpers/restic-lab.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';
import { describeStore } from './store.ts';

for (const series of RESTIC_SERIES) {
  describeStore(`restic ${series}`, async () => {
    const lab = await createResticLab(series);
    return {
      store: (host) => lab.store(host),
      restore: (host, snapshot, target) => lab.restore(host, snapshot, target),
      breakPassword: (host) => lab.breakPassword(host),
      lock: (host) => lab.lock(host),
      swap: (host) => lab.swap(host),
      close: async () => lab.remove(),
    };
  });
}
