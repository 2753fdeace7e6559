// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { FileEntryWithStats, SFTPWrapper, Stats } from 'ssh2';
import type { RemoteFile } from '../remote.ts';
import { type Answer, type Link, lostLink, statusOf } from './link.ts';
import { directoryEntry } from './names.ts';

/** SFTP status codes (draft-ietf-secsh-filexfer-02 §7). */
const EOF = 1;
const NO_SUCH_FILE = 2;
const PERMISSION_DENIED = 3;
const UNSUPPORTED = 8;

/** SFTP on a link: every request has a time limit. */
export interface SftpSession {
  readonly link: Link;
  readonly sftp: SFTPWrapper;
  ask<T>(what: string, start: (sftp: SFTPWrapper, answer: Answer<T>) => void): Promise<T>;
}

/** @throws BackupError `failed` when the account or server offers no SFTP */
export async function startSftp(link: Link, requestTimeoutMs: number): Promise<SftpSession> {
  try {
    const sftp = await link.request<SFTPWrapper>('start SFTP', requestTimeoutMs, (answer) => link.client.sftp(answer));
    sftp.on('error', (error: Error) => link.giveUp(lostLink(link.label, error)));
    for (const event of ['end', 'close']) sftp.on(event, () => link.giveUp(lostLink(link.label)));
    return {
      link,
      sftp,
      ask: (what, start) => link.request(what, requestTimeoutMs, (answer) => start(sftp, answer)),
    };
  } catch (cause) {
    // Without a cause it was a time limit or a lost link, which say so.
    if (!(cause instanceof BackupError) || cause.cause === undefined) throw cause;
    throw new BackupError(
      'failed',
      `${cause.message}. Is there "Subsystem sftp internal-sftp" in its sshd_config, may the account use it, and do its ` +
        'shell start-up files print nothing?',
      { cause },
    );
  }
}

/** @throws BackupError `failed` when the spool is missing, no directory, or may not be listed */
export async function checkSpool(session: SftpSession, directory: string): Promise<void> {
  try {
    const handle = await session.ask<Buffer>(`open the spool ${directory}`, (sftp, answer) =>
      sftp.opendir(directory, answer),
    );
    await session.ask<void>(`close the spool ${directory}`, (sftp, answer) => sftp.close(handle, answer));
  } catch (cause) {
    const advice = spoolAdvice(cause);
    if (advice === undefined) throw cause;
    throw new BackupError('failed', `${(cause as Error).message}. ${advice}`, { cause });
  }
}

/** A hostile client must not fill our memory with names. */
const MOST_NAME_BYTES = 32 * 1024 ** 2;

/** NAME_MAX of Linux, in bytes: a server that sends more is no file server. */
const LONGEST_NAME_BYTES = 255;

/**
 * Lists a directory page by page, without `.` and `..`. Of each page only what is needed is kept: servers send a line of
 * `ls -l` for every name as well.
 * @param most more entries than this are refused
 * @throws BackupError `untrusted` for too many entries, for a name longer than Linux has, and for too many bytes of names
 */
export async function listDirectory(session: SftpSession, path: string, most: number): Promise<RemoteFile[]> {
  const what = `list ${path}`;
  const handle = await session.ask<Buffer>(what, (sftp, answer) => sftp.opendir(path, answer));
  const listing: Listing = { files: [], entries: 0, nameBytes: 0 };
  try {
    for (;;) {
      const page = await nextPage(session, handle, what);
      // A page without entries would otherwise let a hostile server keep us here for ever.
      if (page.length === 0) return listing.files;
      const complaint = addPage(listing, page, most);
      if (complaint === undefined) continue;
      throw new BackupError('untrusted', `${session.link.label}: ${path} holds ${complaint}; clean it up.`);
    }
  } finally {
    await closeQuietly(session, handle);
  }
}

interface Listing {
  readonly files: RemoteFile[];
  entries: number;
  nameBytes: number;
}

/** @returns what is too much */
function addPage(listing: Listing, page: readonly FileEntryWithStats[], most: number): string | undefined {
  for (const { filename, attrs } of page) {
    const bytes = Buffer.byteLength(filename);
    if (bytes > longestDecoded(filename)) return `a name of more than ${LONGEST_NAME_BYTES} bytes`;
    listing.entries += 1;
    listing.nameBytes += bytes;
    if (!['', '.', '..'].includes(filename)) listing.files.push(directoryEntry(filename, attrs));
  }
  if (listing.entries > most) return `more than ${most} entries`;
  return listing.nameBytes > MOST_NAME_BYTES ? `more than ${MOST_NAME_BYTES} bytes of names` : undefined;
}

/** A byte that was not UTF-8 has become U+FFFD, which takes three: a name of the client's own must not be refused for it. */
function longestDecoded(name: string): number {
  return name.includes('\ufffd') ? 3 * LONGEST_NAME_BYTES : LONGEST_NAME_BYTES;
}

/** Renames over an existing target. Without the POSIX extension the target has to go first, as SFTP 3 refuses otherwise. */
export async function renameOver(session: SftpSession, from: string, to: string): Promise<void> {
  const what = `rename ${from} to ${to}`;
  try {
    await session.ask<void>(what, (sftp, answer) => sftp.ext_openssh_rename(from, to, answer));
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    await removeFile(session, to);
    await session.ask<void>(what, (sftp, answer) => sftp.rename(from, to, answer));
  }
}

/** Has the server write a file to its disk, where it can do that. */
export async function syncFile(session: SftpSession, handle: Buffer): Promise<void> {
  try {
    await session.ask<unknown>('write a file to the disk', (sftp, answer) => sftp.ext_openssh_fsync(handle, answer));
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
}

/** Removes a file; missing is fine. */
export async function removeFile(session: SftpSession, path: string): Promise<void> {
  try {
    await session.ask<void>(`remove ${path}`, (sftp, answer) => sftp.unlink(path, answer));
  } catch (error) {
    if (statusOf(error) !== NO_SUCH_FILE) throw error;
  }
}

/** Attributes of a file, of a symlink itself; undefined when there is none. */
export async function statFile(session: SftpSession, path: string): Promise<Stats | undefined> {
  try {
    return await session.ask<Stats>(`look at ${path}`, (sftp, answer) => sftp.lstat(path, answer));
  } catch (error) {
    if (statusOf(error) === NO_SUCH_FILE) return undefined;
    throw error;
  }
}

/** Closes a handle; what was done with it has its own outcome, and a link that is lost has said so already. */
export async function closeQuietly(session: SftpSession, handle: Buffer): Promise<void> {
  await session.ask<void>('close a file', (sftp, answer) => sftp.close(handle, answer)).catch(() => undefined);
}

async function nextPage(session: SftpSession, handle: Buffer, what: string): Promise<FileEntryWithStats[]> {
  try {
    return await session.ask<FileEntryWithStats[]>(what, (sftp, answer) => readPage(sftp, handle, answer));
  } catch (error) {
    if (statusOf(error) === EOF) return [];
    throw error;
  }
}

/** `full` keeps `.` and `..`, so that only the end of the directory is an empty page. The types do not know the option. */
function readPage(sftp: SFTPWrapper, handle: Buffer, answer: Answer<FileEntryWithStats[]>): void {
  const readdir = sftp.readdir.bind(sftp) as unknown as (
    handle: Buffer,
    options: { full: boolean },
    answer: Answer<FileEntryWithStats[]>,
  ) => void;
  readdir(handle, { full: true }, answer);
}

function isUnsupported(error: unknown): boolean {
  const cause = error instanceof BackupError ? error.cause : undefined;
  // ssh2 throws this by itself when the server has not announced the extension.
  return (
    statusOf(error) === UNSUPPORTED ||
    (cause instanceof Error && cause.message.includes('does not support this extended'))
  );
}

function spoolAdvice(error: unknown): string | undefined {
  const status = statusOf(error);
  if (status === NO_SUCH_FILE)
    return 'Check remote_tar_dir (within a chroot it starts at the chroot), and whether the client has run.';
  if (status === PERMISSION_DENIED) return "The account must be able to read it: add it to the client's backup_group.";
  return undefined;
}
