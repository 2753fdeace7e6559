// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, chown, copyFile, lstat, mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { runSandboxed, type Sandbox } from '../sandbox.ts';
import { PROOF_DIRECTORY } from './proof-directory.ts';

const ARCHIVE_NAME = 'archive';
const ENTRY_LIST = 'entries.gz';

/** What lies beside the data, so that a snapshot can be checked without anything else. */
export interface Proof {
  /** File name of the archive that the tree was made of. */
  readonly archive: string;
  /** File with the entry list, gzip. */
  readonly entryList: string;
  /** The client's manifest as it wrote it; undefined where there is none. */
  readonly manifest: string | undefined;
  /** What the files are dated, so that the same state looks the same to the store however often it is unpacked. */
  readonly time: Date;
}

/**
 * Makes an empty live tree, whatever was left in it: hidden files, half an archive, links to elsewhere. It is emptied
 * from within a sandbox, so nothing else can go even if the tree is full of traps; what somebody has mounted in there is
 * not seen from the sandbox, so it stays as it is.
 *
 * @param sandbox its directory is the live tree
 * @throws BackupError `failed` where something cannot be removed; `config` where others could look into the live tree
 */
export async function emptyLiveTree(sandbox: Sandbox): Promise<void> {
  const { directory } = sandbox;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await requirePrivate(directory);
  try {
    const command = ['find', '.', '-mindepth', '1', '-delete'];
    await runSandboxed(sandbox, { command, maxFileBytes: 0 });
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    const hint = 'Is its file system read-only, or something in there immutable (lsattr -R, chattr -i)?';
    throw new BackupError('failed', `Cannot empty the live tree ${directory}. ${hint} ${error.message}`, {
      cause: error,
    });
  }
  await chown(directory, 0, 0);
  await chmod(directory, 0o700);
}

/** Puts the proof into an empty live tree. Before the data, because the archive may bring times for the tree's root. */
export async function putProof(directory: string, { archive, entryList, manifest, time }: Proof): Promise<void> {
  const proof = join(directory, PROOF_DIRECTORY);
  await mkdir(proof, { mode: 0o700 });
  const list = join(proof, ENTRY_LIST);
  await copyFile(entryList, list);
  await chmod(list, 0o600);
  const texts = { [ARCHIVE_NAME]: archive, ...(manifest === undefined ? {} : { 'manifest.json': manifest }) };
  for (const [name, text] of Object.entries(texts)) await writeFile(join(proof, name), text, { mode: 0o600 });
  // The directory last: writing into it changes its time.
  for (const path of [list, ...Object.keys(texts).map((name) => join(proof, name)), proof]) {
    await utimes(path, time, time);
  }
}

/** What a live tree says it was made of; undefined where there is none, or one that says nothing. */
export async function readProof(directory: string): Promise<Pick<Proof, 'archive' | 'entryList'> | undefined> {
  const proof = join(directory, PROOF_DIRECTORY);
  try {
    return { archive: await readFile(join(proof, ARCHIVE_NAME), 'utf8'), entryList: join(proof, ENTRY_LIST) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Gives the root of the live tree a time that is the same in every snapshot of this state. */
export async function dateLiveTree(directory: string, time: Date): Promise<void> {
  await utimes(directory, time, time);
}

/** Files that are set-uid on a host are so here: nobody but us may reach them. */
async function requirePrivate(directory: string): Promise<void> {
  const tree = await lstat(directory);
  if (!tree.isDirectory()) throw new BackupError('config', `The live tree ${directory} is not a directory.`);
  const parent = dirname(directory);
  const { mode, uid } = await lstat(parent);
  if ((mode & 0o077) === 0 && uid === process.geteuid?.()) return;
  const found = `${parent} holds the live trees and can be entered by others`;
  throw new BackupError('config', `${found}: chown root ${parent}; chmod 0700 ${parent}.`);
}
