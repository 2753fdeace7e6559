// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError, describeError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { onlyReading } from '../../plugin-tools/throw-away-user.ts';
import { DIRECTORY, describeContent, dumpPath, readSavedDatabases } from './copy.ts';
import { bytesOf, END_MARK } from './dump.ts';
import { type PostgresqlOptions, savesGlobals } from './options.ts';
import { type DatabaseRecord, openInCopy } from './record.ts';
import { programWords } from './server.ts';
import { checkLoading } from './verify-load.ts';

type Context = CopyContext<PostgresqlOptions>;

/** Looks at the dumps of a copy; at level `full` loads them into a throw-away server. */
export async function verify(context: Context): Promise<readonly Check[]> {
  const saved = await readSavedDatabases(context.copy, context.options);
  const checks: Check[] = [];
  for (const { file, record, complaint } of saved) {
    if (record === undefined) checks.push({ name: file, status: 'failed', message: complaint ?? 'cannot be read' });
    else checks.push(await checked(`${DIRECTORY}/${record.dump}`, context, () => checkDump(context, record)));
  }
  if (savesGlobals(context.options)) {
    checks.push(
      await checked(`${DIRECTORY}/globals.sql`, context, () => checkEnd(join(context.copy, DIRECTORY, 'globals.sql'))),
    );
  }
  const sound = checks.every(({ status }) => status !== 'failed');
  if (context.level === 'quick' || !sound) return checks;
  const records = saved.flatMap(({ record }) => (record === undefined ? [] : [record]));
  return [...checks, ...(await checkLoading(context, records))];
}

type Outcome = Omit<Check, 'name'>;

async function checked(name: string, { signal }: Context, look: () => Promise<Outcome>): Promise<Check> {
  try {
    return { name, ...(await look()) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return { name, status: 'failed', message: describeError(error) };
  }
}

async function checkDump(context: Context, record: DatabaseRecord): Promise<Outcome> {
  const path = dumpPath(context.copy, record);
  const stats = await lstat(path).catch(() => undefined);
  const isRight = record.dumpFormat === 'directory' ? stats?.isDirectory() : stats?.isFile();
  if (!isRight) return { status: 'failed', message: 'it is not there, or of the wrong kind' };
  const bytes = await bytesOf(path);
  if (bytes !== record.bytes) return { status: 'failed', message: `it has ${bytes} bytes, saved were ${record.bytes}` };
  if (record.dumpFormat === 'plain') {
    const end = await checkEnd(path);
    return end.status === 'ok' ? { status: 'ok', message: `whole, ${describeContent(record)}` } : end;
  }
  return checkList(context, record, path);
}

/** The end mark is looked for in so many last bytes. */
const TAIL_BYTES = 8 * 1024;

async function checkEnd(file: string): Promise<Outcome> {
  const handle = await openInCopy(file);
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    if (END_MARK.pattern.test(buffer.toString('latin1'))) return { status: 'ok', message: 'whole' };
    return { status: 'failed', message: `it ends before its end (no ${END_MARK.name})` };
  } finally {
    await handle.close();
  }
}

/** An archive of pg_dump says what it holds. */
async function checkList(context: Context, record: DatabaseRecord, path: string): Promise<Outcome> {
  // Not as the account that `pg_dump_cmd` may name: to look at a file takes none.
  const program = programWords(context.tools.pg_dump, 'pg_restore').at(-1) ?? 'pg_restore';
  if ((await findProgram(program)) === undefined) {
    return { status: 'skipped', message: `${program} is not there: install the Debian package postgresql-client` };
  }
  const isDirectory = record.dumpFormat === 'directory';
  const [word = '', ...words] = [...onlyReading(), program, '--list', ...(isDirectory ? ['/proc/self/fd/0'] : [])];
  const input = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  let tables = 0;
  try {
    await context.exec(word, words, {
      cwd: '/',
      stdin: input.fd,
      timeoutMs: context.options.timeout,
      signal: context.signal,
      onLine: (line) => {
        if (/^\d+; \d+ \d+ TABLE DATA /.test(line)) tables += 1;
      },
    });
  } finally {
    await input.close();
  }
  if (tables === record.tables.length) return { status: 'ok', message: `readable, ${describeContent(record)}` };
  return { status: 'failed', message: `it holds ${tables} tables, saved were ${record.tables.length}` };
}
