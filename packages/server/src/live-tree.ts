// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, chown, copyFile, lstat, mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { PROOF_DIRECTORY } from './proof-directory.ts';
import { runSandboxed, type Sandbox } from './sandbox.ts';

/** What lies beside the data, so that a snapshot can be checked without anything else. */
export interface Proof {
  /** File with the entry list, gzip. */
  readonly entryList: string;
  /** The client's manifest as it wrote it; undefined where there is none. */
  readonly manifest: string | undefined;
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
export async function putProof(directory: string, { entryList, manifest }: Proof): Promise<void> {
  const proof = join(directory, PROOF_DIRECTORY);
  await mkdir(proof, { mode: 0o700 });
  const copy = join(proof, 'entries.gz');
  await copyFile(entryList, copy);
  await chmod(copy, 0o600);
  if (manifest !== undefined) await writeFile(join(proof, 'manifest.json'), manifest, { mode: 0o600 });
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
