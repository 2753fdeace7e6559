// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';

/** Where plugins of the original keep what `post` and `emergency` need, in the service's backup directory. */
export const STATE = '.state';

/**
 * Content of `.state`: base64 by path, so that the undo journal can hold it. An empty directory, which may be a mark too, has
 * a slash at its end.
 */
export type StateFiles = Readonly<Record<string, string>>;

/** More is no state but a backup, and would not fit into the journal. */
const LARGEST_STATE = 1024 * 1024;
const DEEPEST = 20;

/** Name of the file that a function gets its configuration in, at the end: one that a killed run has left is no state. */
const CONFIG_FILE = /_config\.[0-9a-f]{8}$/;

/**
 * What is in `.state`; empty where there is none.
 * @throws BackupError `failed` where it is too large
 */
export async function readState(backupDirectory: string): Promise<StateFiles> {
  const files: Record<string, string> = {};
  let size = 0;
  for (const path of await filesIn(join(backupDirectory, STATE), '', DEEPEST)) {
    const file = join(backupDirectory, STATE, path);
    if (path.endsWith('/')) {
      files[path] = '';
      continue;
    }
    size += (await lstat(file)).size;
    if (size > LARGEST_STATE) throw new BackupError('failed', `.state holds more than ${LARGEST_STATE} bytes.`);
    files[path] = (await readFile(file)).toString('base64');
  }
  return files;
}

/** Paths of the regular files and empty directories below a directory that are state. */
async function filesIn(state: string, path: string, depth: number): Promise<string[]> {
  const entries = await readdir(join(state, path), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const below = entries.map(async (entry) => {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) return depth > 0 ? orItself(inner, await filesIn(state, inner, depth - 1)) : [];
    return entry.isFile() && !CONFIG_FILE.test(entry.name) ? [inner] : [];
  });
  return (await Promise.all(below)).flat();
}

function orItself(directory: string, below: readonly string[]): readonly string[] {
  return below.length > 0 ? below : [`${directory}/`];
}

/** A directory with a `.state` that was lost with the backup directory of a killed run. */
export async function withStateOf<Result>(
  files: StateFiles,
  work: (backupDirectory: string) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'backup-state-'));
  try {
    await openState(directory);
    for (const [path, content] of Object.entries(files)) {
      const file = join(directory, STATE, path);
      await mkdir(path.endsWith('/') ? file : dirname(file), { recursive: true, mode: 0o700 });
      if (!path.endsWith('/')) await writeFile(file, Buffer.from(content, 'base64'), { mode: 0o600 });
    }
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Creates `.state`, mode 0700, where it is missing. */
export async function openState(backupDirectory: string): Promise<string> {
  const state = join(backupDirectory, STATE);
  await mkdir(state, { recursive: true, mode: 0o700 });
  await chmod(state, 0o700);
  return state;
}

/** Removes files of `.state`, and the directory where nothing else is in it. */
export async function removeState(backupDirectory: string, files: readonly string[]): Promise<void> {
  const state = join(backupDirectory, STATE);
  for (const file of files) await rm(join(state, file), { recursive: true, force: true });
  const left = await filesIn(state, '', DEEPEST);
  // Directories that were not empty before are nobody's.
  if (left.every((path) => path.endsWith('/'))) await rm(state, { recursive: true, force: true });
}

/** Removes `.state` where nothing is in it. */
export async function closeState(backupDirectory: string): Promise<void> {
  await rmdir(join(backupDirectory, STATE)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'ENOENT') throw error;
  });
}
