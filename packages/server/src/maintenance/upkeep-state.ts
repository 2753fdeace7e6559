// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import * as z from 'zod';
import { readStateFile, writeStateFile } from '../state-file.ts';

const stateSchema = z.strictObject({
  format: z.literal(1),
  /** When the last maintenance of the host began (ISO), whatever came of it: who waited longest comes first. */
  lastBegun: z.iso.datetime().optional(),
  /** When the last one ended that did all there was to do (ISO). */
  lastFinished: z.iso.datetime().optional(),
  lastCheck: z
    .strictObject({
      time: z.iso.datetime(),
      ok: z.boolean(),
      /** Which part of the stored data was read: `none`, `all`, `3/12`, `10%`. */
      share: z.string(),
      problems: z.array(z.string()),
    })
    .optional(),
  /** Parts of the present round through all stored data that were read without a problem. */
  partsRead: z.int().min(0).optional(),
  /** Snapshots were forgotten, and the space that they took has not been freed since. */
  pruneDue: z.boolean().optional(),
  /** What the repository occupied when it was last looked at, in bytes. */
  bytes: z.int().min(0).optional(),
});

/** What is remembered from one maintenance of a host to the next. */
export type UpkeepState = z.infer<typeof stateSchema>;

/** Where the upkeep of one host is remembered. */
export interface UpkeepMemory {
  /** @throws BackupError `failed` where it is damaged: nobody knows then whether the last check was good */
  read(): Promise<UpkeepState>;
  /** Changes some of it; on disk when it resolves. */
  update(change: Partial<UpkeepState>): Promise<void>;
}

/** The memory of one host: a file in `upkeep/` in the state directory. */
export function createUpkeepMemory(stateDirectory: string, host: string): UpkeepMemory {
  const file = join(stateDirectory, 'upkeep', `${host}.json`);
  const name = showControls(host);
  const damaged =
    `Nobody knows whether the last check of ${name}'s repository was good, so nothing is done with it. Look how it went ` +
    `(backup-server runs show --command maintenance --host ${name}), and mend what it found first: the next maintenance ` +
    `begins anew once the file is removed: rm ${showControls(file)}; backup-server maintenance ${name}.`;
  const read = () => readStateFile<UpkeepState>({ file, schema: stateSchema, missing: { format: 1 }, damaged });
  return {
    read,
    update: async (change) => writeStateFile(file, stateSchema.parse({ ...(await read()), ...change })),
  };
}
