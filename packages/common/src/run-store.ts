// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { stampOf } from './archive-name.ts';
import { isUnfinishedName, readJson, writeFileAtomic } from './atomic-file.ts';
import { BackupError } from './errors.ts';
import { type RunRecord, runRecordSchema } from './run-record.ts';
import { VERSION } from './version.ts';

/** A file of the directory of run records: either the record, or why it cannot be read. */
export type StoredRun =
  | { readonly id: string; readonly record: RunRecord }
  | { readonly id: string; readonly record: undefined; readonly problem: string };

const ID_PATTERN = /^\d{8}_\d{6}-[0-9a-f]{8}$/;

/** @param random four bytes, so that two runs of one second have different ids */
export function newRunId(now: Date, random: Uint8Array): string {
  return `${stampOf(now)}-${Buffer.from(random).toString('hex').slice(0, 8).padStart(8, '0')}`;
}

/**
 * The record of a run that begins now.
 * @param random four bytes, see {@link newRunId}
 */
export function newRecord(
  run: Pick<RunRecord, 'program' | 'command' | 'hostname'>,
  started: Date,
  random: Uint8Array,
): RunRecord {
  return {
    format: 1,
    id: newRunId(started, random),
    ...run,
    version: VERSION,
    started: started.toISOString(),
    status: 'running',
    steps: [],
    hosts: [],
  };
}

/**
 * Writes the record of a run; to be called when it begins (status `running`), so that one that was killed has left its
 * trace, and when it ends.
 *
 * @throws BackupError `failed`
 */
export async function saveRun(directory: string, record: RunRecord): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const text = `${JSON.stringify(runRecordSchema.parse(record), null, 2)}\n`;
  await writeFileAtomic(fileOf(directory, record.id), text, { mode: 0o600 });
}

/** @throws BackupError `usage` for what is no id, `failed` where the record is missing or damaged */
export async function loadRun(directory: string, id: string): Promise<RunRecord> {
  if (!ID_PATTERN.test(id))
    throw new BackupError('usage', `"${id}" is not a run; ids look like 20261121_030000-1a2b3c4d.`);
  const record = await readJson(fileOf(directory, id), runRecordSchema);
  if (record.id === id) return record;
  throw new BackupError('failed', `Cannot use ${fileOf(directory, id)}: it holds the record of run ${record.id}.`);
}

/** All runs, newest first. A record that cannot be read is in the list, with the reason; no directory means no runs yet. */
export async function listRuns(directory: string): Promise<StoredRun[]> {
  const ids = await idsIn(directory);
  const runs = await Promise.all(ids.map((id) => loadStored(directory, id)));
  return runs.filter((run) => run !== undefined);
}

/** Nothing is written for as long as this. */
const UNFINISHED_MS = 3_600_000;

/**
 * Removes all but the newest records, damaged ones too.
 *
 * @param keep how many stay, at least 1
 * @param spared ids that stay however old they are
 * @returns the ids of those that were removed
 */
export async function sweepRuns(
  directory: string,
  keep: number,
  spared: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  const old = (await idsIn(directory)).slice(Math.max(1, keep)).filter((id) => !spared.has(id));
  for (const id of old) await rm(fileOf(directory, id), { force: true });
  // What `kill -9` left of a record that was being written; a young one may be another process's at this moment.
  for (const name of (await readdir(directory)).filter(isUnfinishedName)) {
    const file = join(directory, name);
    const written = (await stat(file).catch(() => undefined))?.mtimeMs ?? Date.now();
    if (Math.abs(Date.now() - written) > UNFINISHED_MS) await rm(file, { force: true });
  }
  return old;
}

/** Undefined for a record that another process has swept meanwhile. */
async function loadStored(directory: string, id: string): Promise<StoredRun | undefined> {
  try {
    return { id, record: await loadRun(directory, id) };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    if ((error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined;
    return { id, record: undefined, problem: error.message };
  }
}

/** Newest first: ids sort by time. */
async function idsIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new BackupError('failed', `Cannot list the run records in ${directory}: ${error.message}`, { cause: error });
  });
  const ids = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
  return ids
    .filter((id) => ID_PATTERN.test(id))
    .sort()
    .reverse();
}

function fileOf(directory: string, id: string): string {
  return join(directory, `${id}.json`);
}
