// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import * as z from 'zod';
import { readStateFile, writeStateFile } from '../state-file.ts';

const pinSchema = z.strictObject({
  /** The whole id. */
  snapshot: z.string().regex(/^[0-9a-f]{64}$/),
  /** When the snapshot was taken, ISO. */
  taken: z.iso.datetime({ offset: true }),
  reason: z.string().min(1),
  /** When it was pinned, ISO. */
  pinned: z.iso.datetime(),
});

/** A snapshot that is never forgotten, whatever a policy says. */
export type Pin = z.infer<typeof pinSchema>;

const pinsSchema = z.strictObject({ format: z.literal(1), pins: z.array(pinSchema) });

/**
 * The pins of a host, in the order in which they were made.
 * @throws BackupError `failed` where they cannot be read: nothing may be forgotten then
 */
export async function readPins(stateDirectory: string, host: string): Promise<readonly Pin[]> {
  const file = fileOf(stateDirectory, host);
  const damaged =
    `Which snapshots of ${showControls(host)} are pinned cannot be read, so nothing is forgotten for it. Mend the file, ` +
    `or remove it and pin the snapshots again: ${showControls(file)}.`;
  return (await readStateFile({ file, schema: pinsSchema, missing: { format: 1, pins: [] }, damaged })).pins;
}

/** Writes the pins of a host; on disk when it resolves. */
export function writePins(stateDirectory: string, host: string, pins: readonly Pin[]): Promise<void> {
  return writeStateFile(fileOf(stateDirectory, host), { format: 1, pins });
}

function fileOf(stateDirectory: string, host: string): string {
  return join(stateDirectory, 'pins', `${host}.json`);
}
