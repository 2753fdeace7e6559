// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomInt } from 'node:crypto';
import type { BytePath } from '@local-backup/common/byte-path';

/** Some of many, each with the same chance, whatever their order. */
export interface Sample {
  readonly taken: readonly BytePath[];
  offered(): number;
  offer(path: BytePath): void;
}

/** Keeps at most `size` of what is offered. */
export function createSample(size: number): Sample {
  const taken: BytePath[] = [];
  let offered = 0;
  return {
    taken,
    offered: () => offered,
    offer(path) {
      offered += 1;
      if (taken.length < size) {
        taken.push(path);
        return;
      }
      const place = randomInt(offered);
      if (place < size) taken[place] = path;
    },
  };
}
