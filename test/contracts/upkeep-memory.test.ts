// SPDX-License-Identifier: AGPL-3.0-or-later
import { createMemoryUpkeep, shelved } from '../helpers/memory-upkeep.ts';
import { describeUpkeep } from './upkeep.ts';

describeUpkeep('memory upkeep', async () => {
  const upkeeps = new Map<string, ReturnType<typeof createMemoryUpkeep>>();
  const of = (host: string) => {
    const known = upkeeps.get(host) ?? createMemoryUpkeep();
    upkeeps.set(host, known);
    return known;
  };
  return {
    upkeep: (host) => of(host).upkeep,
    seed: async (host, times) => {
      const { shelf } = of(host);
      shelf.snapshots = times.map((time, index) => shelved(String(index + 1), time));
      return shelf.snapshots.map(({ id }) => id);
    },
    close: async () => upkeeps.clear(),
  };
});
