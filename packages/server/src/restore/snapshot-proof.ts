// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entry } from '@local-backup/common/entry';
import { readEntryList } from '@local-backup/common/entry-list';
import { BackupError } from '@local-backup/common/errors';
import { type Manifest, manifestSchema } from '@local-backup/common/manifest';
import type { History } from '../stores/history.ts';
import { PROOF_DIRECTORY } from '../tree/proof-directory.ts';

/** What was saved with a snapshot to prove it: entry list and manifest. */
export interface SnapshotProof {
  /** Files of the proof directory, relative to the tree. */
  readonly paths: readonly string[];
  /** Reads the entry list from its beginning; undefined where the snapshot has none. */
  readonly entries: (() => AsyncIterable<readonly Entry[]>) | undefined;
  /**
   * @param advice what to do where there is none
   * @throws BackupError `failed` where the snapshot has none, or one that cannot be read
   */
  manifest(advice?: string): Promise<Manifest>;
  /** Removes the copies that were made. */
  remove(): Promise<void>;
}

const LIST = `${PROOF_DIRECTORY}/entries.gz`;
const MANIFEST = `${PROOF_DIRECTORY}/manifest.json`;

/** The list was bounded when it was stored, and is read as a stream. */
const ENTRIES = Number.MAX_SAFE_INTEGER;

/**
 * Takes the proof out of a snapshot, into a temporary directory of our own until `remove` is called. Snapshots that this
 * program did not make have none.
 */
export async function openProof(history: History, snapshot: string, signal: AbortSignal): Promise<SnapshotProof> {
  const paths: string[] = [];
  const where = { snapshot, path: PROOF_DIRECTORY, recursive: true };
  await history.list(where, ({ type, path }) => void (type === 'file' && paths.push(path)), signal);
  const directory = await mkdtemp(join(tmpdir(), 'backup-server-proof-'));
  const remove = () => rm(directory, { recursive: true, force: true });
  const take = async (path: string, name: string): Promise<string> => {
    const file = join(directory, name);
    const handle = await open(file, 'wx', 0o600);
    try {
      await history.dump({ snapshot, path }, handle.fd, signal);
    } finally {
      await handle.close();
    }
    return file;
  };
  try {
    const list = paths.includes(LIST) ? await take(LIST, 'entries.gz') : undefined;
    return {
      paths,
      entries: list === undefined ? undefined : () => readEntryList(list, { entries: ENTRIES }),
      async manifest(advice = 'Choose what to restore with --path instead of --service.') {
        if (!paths.includes(MANIFEST)) throw noManifest('has no manifest', advice);
        return readManifest(await take(MANIFEST, 'manifest.json'), advice);
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function readManifest(file: string, advice: string): Promise<Manifest> {
  const text = await readFile(file, 'utf8');
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    throw noManifest('has a manifest that cannot be read', advice, error);
  }
}

function noManifest(what: string, advice: string, cause?: unknown): BackupError {
  return new BackupError('failed', `The snapshot ${what} that tells which services it holds. ${advice}`, { cause });
}
