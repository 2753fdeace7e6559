// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Stats } from 'ssh2';
import type { SshTarget } from '../../config/host.ts';
import type { FetchOptions, Remote } from '../remote.ts';
import { type ConnectOptions, connectSsh } from './connect.ts';
import { type FetchLimits, fetchFile, type OpenFile } from './fetch.ts';
import { describe, isFileMode, parentsOf, partialOf, spoolPath } from './names.ts';
import {
  checkSpool,
  closeQuietly,
  listDirectory,
  removeFile,
  renameOver,
  type SftpSession,
  startSftp,
  statFile,
} from './session.ts';
import { uploadFile } from './upload.ts';

export interface SftpOptions extends ConnectOptions {
  /** Window for `minimumRate`, in milliseconds; shorter in tests. */
  readonly stallWindowMs?: number;
}

/** More than any spool holds; a hostile client must not fill our memory with names. */
const MAX_ENTRIES = 100_000;

/** A frozen or dripping peer is to be noticed within this time (docs/design.md, "Promises"). */
const STALL_WINDOW_MS = 60_000;

/** For small files, in bytes per second: slow enough for any real line. */
const SMALL_FILE_RATE = 256;

/**
 * Logs in by SSH key and offers the spool `directory` by SFTP; nothing else is ever asked of the host. After a lost link
 * every call fails at once with the same error: connect anew.
 * @throws BackupError `config`, `untrusted` (host key) or `failed`, each with what to do next
 */
export async function connectSftp(target: SshTarget, directory: string, options: SftpOptions): Promise<Remote> {
  const link = await connectSsh(target, options);
  try {
    const session = await startSftp(link, target.requestTimeoutMs);
    await checkSpool(session, directory);
    const { requestTimeoutMs } = target;
    return createRemote(session, directory, {
      requestTimeoutMs,
      stallWindowMs: options.stallWindowMs ?? STALL_WINDOW_MS,
    });
  } catch (error) {
    await link.close();
    throw error;
  }
}

function createRemote(session: SftpSession, directory: string, limits: FetchLimits): Remote {
  const pathOf = (name: string) => spoolPath(directory, name);
  const transfer = (file: OpenFile, options: FetchOptions) => fetchFile(session.link, file, options, limits);
  return {
    list: async (name) => listDirectory(session, name === undefined ? directory : pathOf(name), MAX_ENTRIES),
    async stat(name) {
      const attributes = await statFile(session, pathOf(name));
      return attributes && { name, ...describe(attributes) };
    },
    fetch: async (name, options) =>
      withFile(session, pathOf(name), async (file) => {
        if (options.offset > file.size) throw shrunk(session, file, options.offset);
        await transfer(file, options);
        return file.size;
      }),
    read: async (name, maxBytes) =>
      withFile(session, pathOf(name), async (file) => {
        if (file.size > maxBytes) throw tooLarge(session, file, maxBytes);
        const pieces: Buffer[] = [];
        const onData = (data: Buffer) => void pieces.push(data);
        await transfer(file, { offset: 0, maxBytes, minimumRate: SMALL_FILE_RATE, onData });
        return Buffer.concat(pieces);
      }),
    async rename(from, to) {
      const [source, target] = [pathOf(from), pathOf(to)];
      await makeDirectories(session, parentsOf(to).map(pathOf));
      await renameOver(session, source, target);
    },
    remove: async (name) => removeFile(session, pathOf(name)),
    mark: async (name) => createEmpty(session, pathOf(name)),
    async upload(name, content, options) {
      const target = { path: pathOf(name), partial: pathOf(partialOf(name)) };
      await requireDirectories(session, parentsOf(name).map(pathOf));
      return uploadFile(session, target, content, { ...options, ...limits });
    },
    close: () => session.link.close(),
  };
}

/** Opens a plain file, tells its size, and closes it whatever happens. */
async function withFile<T>(session: SftpSession, path: string, work: (file: OpenFile) => Promise<T>): Promise<T> {
  const handle = await session.ask<Buffer>(`open ${path}`, (sftp, answer) => sftp.open(path, 'r', answer));
  try {
    const { mode, size } = await session.ask<Stats>(`look at ${path}`, (sftp, answer) => sftp.fstat(handle, answer));
    if (!isFileMode(mode) || !Number.isSafeInteger(size)) {
      throw new BackupError('untrusted', `${session.link.label}: ${path} is not a plain file.`);
    }
    const read: OpenFile['read'] = (buffer, position, answer) =>
      session.sftp.read(handle, buffer, 0, buffer.length, position, answer);
    return await work({ name: path, size, read });
  } finally {
    await closeQuietly(session, handle);
  }
}

async function makeDirectories(session: SftpSession, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if ((await statFile(session, path)) !== undefined) continue;
    await session.ask<void>(`create ${path}`, (sftp, answer) => sftp.mkdir(path, answer));
  }
}

/** The account's own, and nothing that leads out of the spool. */
async function requireDirectories(session: SftpSession, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const found = await statFile(session, path);
    if (found === undefined) {
      await session.ask<void>(`create ${path}`, (sftp, answer) => sftp.mkdir(path, { mode: 0o700 }, answer));
    } else if (describe(found).type !== 'directory') {
      const message = `${session.link.label}: ${path} is no directory; nothing is written there.`;
      throw new BackupError('untrusted', message);
    }
  }
}

/** Exclusive, so that neither a symlink is followed nor a named pipe waited for. */
async function createEmpty(session: SftpSession, path: string): Promise<void> {
  if ((await statFile(session, path)) !== undefined) return;
  const handle = await session.ask<Buffer>(`create ${path}`, (sftp, answer) => sftp.open(path, 'wx', answer));
  await closeQuietly(session, handle);
}

function shrunk(session: SftpSession, file: OpenFile, offset: number): BackupError {
  return new BackupError(
    'failed',
    `${session.link.label}: ${file.name} has ${file.size} bytes, fewer than the ${offset} that were fetched before: it is another file now.`,
  );
}

function tooLarge(session: SftpSession, file: OpenFile, maxBytes: number): BackupError {
  return new BackupError(
    'untrusted',
    `${session.link.label}: ${file.name} has ${file.size} bytes, more than the ${maxBytes} that it may have.`,
  );
}
