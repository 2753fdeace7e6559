// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BigIntStats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { Check, RestoreContext } from '../../plugin-copy.ts';
import { whoHasOpen } from '../../plugin-tools/open-files.ts';
import { onlyReading } from '../../plugin-tools/throw-away-user.ts';
import { readHeader } from './header.ts';
import type { SqliteOptions } from './options.ts';
import type { SavedDatabase } from './record.ts';
import { complaintAbout, NOT_INSTALLED, PROGRAM } from './sqlite3.ts';
import { loadDatabase } from './verify.ts';

type Context = RestoreContext<SqliteOptions>;

/** A database that was put back, and where. */
export interface PutBack {
  readonly saved: SavedDatabase;
  readonly path: string;
}

/**
 * Right after it was put in place, before anything is started: SQLite reads all of it, and its rows are those that were
 * saved. Without the program nothing is looked at, which `verifyInPlace` tells.
 * @throws BackupError `failed` where it is not what was saved
 */
export async function requireWhole({ saved, path }: PutBack, context: Context): Promise<void> {
  const { status, message } = await loadDatabase(path, saved, context);
  if (status === 'failed') throw new BackupError('failed', `${showControls(path)} is not what was saved: ${message}`);
}

/** Databases in place while the service runs: there, still databases, and read whole where nobody is writing to them. */
export async function verifyInPlace(databases: readonly PutBack[], context: Context): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const { path } of databases) checks.push({ name: showControls(path), ...(await look(path, context)) });
  if (checks.length > 0) return checks;
  return [{ name: 'sqlite', status: 'ok', message: 'no database was saved, and none was put back' }];
}

async function look(path: string, context: Context): Promise<Omit<Check, 'name'>> {
  const before = await factsOf(path);
  if (before === undefined) return { status: 'failed', message: 'it is not there' };
  if (!before.isFile()) return { status: 'failed', message: 'it is no regular file any more' };
  try {
    await readHeader(path);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { status: 'failed', message: error.message };
  }
  if ((await findProgram(PROGRAM)) === undefined) return { status: 'skipped', message: NOT_INSTALLED };
  const users = await usersOf(path);
  // Opened as others do, it would get files beside it; opened without locks, it would be read half written.
  if (users.length > 0) return { status: 'ok', message: `it was whole before it was opened by ${users.join(', ')}` };
  const { exec, signal, options } = context;
  const io = { exec, signal, timeoutMs: options.timeout, confined: onlyReading() };
  const complaint = await complaintAbout(path, options.check, io).catch((error: unknown) => {
    signal.throwIfAborted();
    if (error instanceof BackupError) return error.message;
    throw error;
  });
  if (complaint === undefined) return { status: 'ok', message: 'whole' };
  const after = await factsOf(path);
  const isWritten = after?.mtimeNs !== before.mtimeNs || (await usersOf(path)).length > 0;
  if (isWritten) return { status: 'skipped', message: 'it was written to while it was looked at; it was whole before' };
  return { status: 'failed', message: showControls(complaint) };
}

async function factsOf(path: string): Promise<BigIntStats | undefined> {
  return lstat(path, { bigint: true }).catch(() => undefined);
}

/** Programs that have it open, or a journal that says that one had: `a journal beside it`. */
async function usersOf(path: string): Promise<readonly string[]> {
  const beside = [`${path}-wal`, `${path}-journal`];
  const journals = (await Promise.all(beside.map(factsOf))).filter((facts) => facts !== undefined && facts.size > 0n);
  const holders = await whoHasOpen([path, ...beside]);
  return journals.length > 0 && holders.length === 0 ? ['a program (a journal is beside it)'] : holders;
}
