// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir, rm } from 'node:fs/promises';
import { type BytePath, bytePathOf, bytesOf } from '@local-backup/common/byte-path';

/**
 * Which task has left what in the stage, which the tasks of a service share: what is new after a task has run is its own.
 * Looks at the directories of the stage and at what is directly inside them, so that it needs room for their names only:
 * what lies deeper belongs to whoever has made the place it lies in.
 */
export interface StageOwners<Owner> {
  /** Everything that is new in the stage belongs to it; undefined: to nobody. */
  claim(owner: Owner | undefined): Promise<void>;
  /** @param path inside the stage */
  ownerOf(path: BytePath): Owner | undefined;
  /** Removes what it has left, with all that is in it. */
  remove(owner: Owner): Promise<void>;
  /** It has left something. */
  has(owner: Owner): boolean;
}

export function createStageOwners<Owner>(stage: string): StageOwners<Owner> {
  const owners = new Map<BytePath, Owner | undefined>();
  const inStage = (path: BytePath) => Buffer.concat([Buffer.from(`${stage}/`), bytesOf(path)]);
  const claimIn = async (directory: BytePath, owner: Owner | undefined): Promise<void> => {
    for (const bytes of await readdir(inStage(directory), { encoding: 'buffer' })) {
      const name = bytePathOf(bytes);
      const path = (directory === '' ? name : `${directory}/${name}`) as BytePath;
      if (!owners.has(path)) owners.set(path, owner);
      if (directory === '' && (await lstat(inStage(path))).isDirectory()) await claimIn(path, owner);
    }
  };
  return {
    claim: (owner) => claimIn('' as BytePath, owner),
    ownerOf(path) {
      const [first = '', second] = path.split('/', 2);
      const top = owners.get(first as BytePath);
      return second === undefined ? top : (owners.get(`${first}/${second}` as BytePath) ?? top);
    },
    async remove(owner) {
      for (const [path, by] of owners) {
        if (by !== owner) continue;
        await rm(inStage(path), { recursive: true, force: true });
        owners.delete(path);
      }
    },
    has: (owner) => [...owners.values()].includes(owner),
  };
}
