// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BackupError } from '../errors.ts';

/*
 * Files that decide what runs as root, or that hold secrets. They must belong to root (or to the user that this program
 * runs as, so that it can be tried out without root) and be open to nobody else: mode 0600 or 0400, as the original
 * demands. Checks are made on the opened file, so nobody can swap it in between.
 */

/** More is not a configuration file of ours. */
const CONFIG_MAX_BYTES = 1024 * 1024;

/** A password or passphrase; private keys are larger, see {@link readSecretFile}. */
const SECRET_MAX_BYTES = 1024;

/**
 * Text of a configuration file. A symbolic link is followed if it belongs to root or to this user: whoever could replace
 * it could replace the file as well.
 * @throws BackupError `config` that says what is wrong with the file and how to mend it
 */
export async function readConfigFile(file: string): Promise<string> {
  await checkLinkOwner(file);
  const handle = await openFile(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await checkProtected(file, handle, [0o600, 0o400]);
    return await readText(file, handle, stats, CONFIG_MAX_BYTES);
  } finally {
    await handle.close();
  }
}

/** As {@link readConfigFile}; undefined where there is no such file. */
export async function readOptionalConfigFile(file: string): Promise<string | undefined> {
  try {
    await lstat(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    // Everything else is explained by the reading below.
  }
  return readConfigFile(file);
}

/**
 * Content of a password, passphrase or key file, without the line break at its end. Links are not followed.
 * @param maxBytes 1024 unless told; a private key needs more
 * @throws BackupError `config` that never quotes the content
 */
export async function readSecretFile(file: string, maxBytes: number = SECRET_MAX_BYTES): Promise<string> {
  const handle = await openFile(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  try {
    const stats = await checkProtected(file, handle, undefined);
    const text = (await readText(file, handle, stats, maxBytes)).replace(/\r?\n$/, '');
    if (text.trim() === '')
      throw new BackupError('config', `${file} is empty. Put the secret into it, and nothing else.`);
    return text;
  } finally {
    await handle.close();
  }
}

/** @param modes undefined: any that gives nothing to group and others */
async function checkProtected(file: string, handle: FileHandle, modes: readonly number[] | undefined): Promise<Stats> {
  const stats = await handle.stat();
  if (!stats.isFile()) throw new BackupError('config', `${file} is not a regular file.`);
  if (!isTrusted(stats.uid)) {
    throw new BackupError('config', `${file} belongs to user ${stats.uid}, not to root. ${mend(file)}`);
  }
  const mode = stats.mode & 0o7777;
  if (modes === undefined ? (mode & 0o077) !== 0 : !modes.includes(mode)) {
    const shown = mode.toString(8).padStart(4, '0');
    throw new BackupError('config', `${file} has mode ${shown}; 0600 or 0400 is needed. Run: chmod 600 ${quote(file)}`);
  }
  await checkDirectory(file);
  return stats;
}

/** In a directory that everybody may write to, anybody could have put the file in its place. */
async function checkDirectory(file: string): Promise<void> {
  const directory = dirname(file);
  const { mode } = await stat(directory);
  if ((mode & 0o002) === 0 || (mode & 0o1000) !== 0) return;
  throw new BackupError(
    'config',
    `${file} is in a directory that everybody can write to. Run: chmod o-w ${quote(directory)}`,
  );
}

async function checkLinkOwner(file: string): Promise<void> {
  const stats = await lstat(file).catch(() => undefined);
  if (stats === undefined || !stats.isSymbolicLink() || isTrusted(stats.uid)) return;
  throw new BackupError(
    'config',
    `${file} is a symbolic link that belongs to user ${stats.uid}, not to root. Run: chown -h root:root ${quote(file)}`,
  );
}

async function openFile(file: string, flags: number): Promise<FileHandle> {
  try {
    return await open(file, flags);
  } catch (error) {
    const problem = openProblem(error as NodeJS.ErrnoException);
    throw new BackupError('config', `${file} cannot be read: ${problem}`, { cause: error });
  }
}

function openProblem(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return 'there is no such file.';
    case 'ELOOP':
      return 'it is a symbolic link. Name the file itself.';
    case 'EACCES':
      return 'permission denied. Run this program as root.';
    default:
      return error.message;
  }
}

async function readText(file: string, handle: FileHandle, stats: Stats, maxBytes: number): Promise<string> {
  if (stats.size > maxBytes) {
    throw new BackupError('config', `${file} has ${stats.size} bytes, more than the ${maxBytes} that are read.`);
  }
  const bytes = Buffer.alloc(maxBytes + 1);
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, Math.min(bytesRead, maxBytes)));
  } catch (error) {
    throw new BackupError('config', `${file} is not UTF-8 text. Convert it, for example with iconv.`, { cause: error });
  }
}

function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

function mend(file: string): string {
  return `Run: chown root:root ${quote(file)} && chmod 600 ${quote(file)}`;
}

/** For a shell. */
function quote(file: string): string {
  return /^[\w@%+=:,./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`;
}
