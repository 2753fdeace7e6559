// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson, writeFileAtomic } from '@local-backup/common/atomic-file';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { KitFile } from './collect-files.ts';
import { differences } from './kit.ts';

/** What the server remembers about the last kit. */
const stateSchema = z.object({
  /** ISO. */
  written: z.iso.datetime(),
  /** Where it was written to. */
  file: z.string(),
  /** A print of each configuration file that went into it, by path. */
  prints: z.record(z.string(), z.string()),
  /** What it lacks. */
  problems: z.array(z.string()),
});

export type KitState = z.infer<typeof stateSchema>;

/** @throws BackupError `failed` where there is a memory that cannot be read */
export async function readKitState(stateDir: string): Promise<KitState | undefined> {
  try {
    return await readJson(fileIn(stateDir), stateSchema);
  } catch (error) {
    if (error instanceof BackupError && (error.cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes the directory too where it is missing. */
export async function writeKitState(stateDir: string, state: KitState): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await writeFileAtomic(fileIn(stateDir), `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
}

/** Name of the file in the state directory. */
export const KIT_STATE_FILE = 'recovery-kit.json';

/** Prints of the files whose change makes a kit old. */
export function printsOf(files: readonly KitFile[]): Record<string, string> {
  const counted = files.filter(({ kind, content }) => kind === 'configuration' && content !== undefined);
  return Object.fromEntries(counted.map(({ path, content }) => [path, printOf(path, content ?? Buffer.alloc(0))]));
}

/** What has changed since the last kit. */
export function changesSince({ prints }: KitState, files: readonly KitFile[]): readonly string[] {
  return differences(new Map(Object.entries(prints)), new Map(Object.entries(printsOf(files))));
}

/** 16 bits only: enough to notice a change, useless for guessing a password that the file holds. */
function printOf(path: string, content: Buffer): string {
  return createHash('sha256').update(`${path}\0`).update(content).digest('hex').slice(0, 4);
}

function fileIn(stateDir: string): string {
  return join(stateDir, KIT_STATE_FILE);
}
