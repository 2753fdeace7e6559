// SPDX-License-Identifier: AGPL-3.0-or-later
import { createReadStream } from 'node:fs';
import { chmod, chown, lchown, lstat, mkdir, open, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { dumpToFile } from '../../plugin-tools/dump-file.ts';
import { countDump, type DumpContent } from './count-dump.ts';
import { cleans } from './dump-options.ts';
import { explainFailure } from './explain.ts';
import { connectionString, fileNameOf } from './names.ts';
import { openPipe } from './pipe.ts';
import type { DatabaseFacts, DatabaseRecord } from './record.ts';
import { loginCommand, plainCommand, type Server } from './server.ts';

type Format = DatabaseRecord['dumpFormat'];

const ENDING: Readonly<Record<Format, string>> = { plain: 'sql', custom: 'dump', directory: 'dir' };

/** What pg_dump and pg_dumpall write last; newer ones close `\restrict` after it. */
export const END_MARK = {
  pattern: /-- PostgreSQL database (?:cluster )?dump complete\n--\s+(?:\\unrestrict [A-Za-z0-9]+\s+)?$/,
  name: '"PostgreSQL database dump complete"',
};

/**
 * Dumps one database into `directory`, counts the rows in what was dumped, and writes the record beside it.
 * @throws BackupError `failed`; nothing of the dump is left then
 */
export async function dumpDatabase(server: Server, facts: DatabaseFacts, directory: string): Promise<DatabaseRecord> {
  const { format, container } = server.context.options;
  const dump = `${fileNameOf(facts.database)}.${ENDING[format]}`;
  const path = join(directory, dump);
  const file = join(directory, `${fileNameOf(facts.database)}.json`);
  for (const place of [path, file]) await refuseExisting(place);
  try {
    if (format === 'directory') await dumpDirectory(server, facts.database, path);
    else await dumpStream(server, facts.database, path);
    const content = await countSaved(server, {
      path,
      format,
      encoding: facts.encoding,
      local: container === undefined,
    });
    const tables = [...content.tables].map(([name, rows]) => ({ name, rows }));
    const record = { format: 1, dumpFormat: format, dump, bytes: await bytesOf(path), facts, tables } as const;
    await writeFile(file, `${JSON.stringify(record, undefined, 1)}\n`, { mode: 0o600, flag: 'wx' });
    return record;
  } catch (error) {
    const space = await describeFullDisk(directory);
    await rm(path, { recursive: true, force: true });
    throw inDatabase(facts.database, explainFailure(error, server.context), space);
  }
}

/**
 * Several database plugins of a service share the directory. What another one has left there is not ours to replace, or to
 * remove when we fail.
 */
async function refuseExisting(path: string): Promise<void> {
  if ((await lstat(path).catch(() => undefined)) === undefined) return;
  throw new BackupError(
    'failed',
    `databases/${basename(path)} is there already: another task of this service saves a database of that name. Put one of ` +
      'them into a service of its own.',
  );
}

/** Dumps the roles of the server, with their passwords. */
export async function dumpGlobals(server: Server, directory: string): Promise<void> {
  const { program, args, options } = loginCommand(server, 'pg_dumpall', [
    '--globals-only',
    `--lock-wait-timeout=${server.context.options.lock_timeout}`,
  ]);
  const file = join(directory, 'globals.sql');
  await refuseExisting(file);
  try {
    await dumpToFile({ file, program, args, options, exec: server.context.exec, endMark: END_MARK });
  } catch (error) {
    throw explainFailure(error, server.context);
  }
}

function dumpArguments({ context: { options } }: Server, database: string): string[] {
  return [
    `--format=${options.format}`,
    // Compressed tables would be new to restic whenever one row has changed.
    ...(options.format === 'plain' ? [] : ['--compress=0']),
    `--lock-wait-timeout=${options.lock_timeout}`,
    ...dumpWords(options.dump_options),
    `--dbname=${connectionString(database)}`,
  ];
}

/**
 * A dump with `--clean` begins with statements that drop what it holds. It is loaded into an empty database, where these
 * would fail.
 */
function dumpWords(words: readonly string[]): readonly string[] {
  return cleans(words) && !words.includes('--if-exists') ? [...words, '--if-exists'] : words;
}

/** pg_dump writes in the encoding of the database, which keeps every byte as it is. */
function withoutEncoding<Env extends Readonly<Record<string, string>>>({ PGCLIENTENCODING: _, ...env }: Env) {
  return env as Readonly<Record<string, string>>;
}

async function dumpStream(server: Server, database: string, file: string): Promise<void> {
  const { program, args, options } = loginCommand(server, 'pg_dump', dumpArguments(server, database));
  const isPlain = server.context.options.format === 'plain';
  await dumpToFile({
    file,
    program,
    args,
    options: { ...options, env: withoutEncoding(options.env ?? {}) },
    exec: server.context.exec,
    ...(isPlain ? { endMark: END_MARK } : {}),
  });
}

/**
 * The stage is root's alone. Where pg_dump runs as another account, it reaches the directory through a descriptor, and
 * what it has written is given back to us.
 */
async function dumpDirectory(server: Server, database: string, directory: string): Promise<void> {
  const { account, context } = server;
  await mkdir(directory, { mode: 0o700 });
  const handle = await open(directory, 'r');
  try {
    if (account !== undefined) await chown(directory, account.uid, account.gid);
    const into = ['--file=/proc/self/fd/0', `--jobs=${context.options.jobs}`];
    const { program, args, options } = loginCommand(server, 'pg_dump', [...into, ...dumpArguments(server, database)]);
    await context.exec(program, args, { ...options, env: withoutEncoding(options.env ?? {}), stdin: handle.fd });
    await takeBack(directory);
  } finally {
    await handle.close();
  }
}

async function takeBack(directory: string): Promise<void> {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  await chown(directory, uid, gid);
  await bytesOf(directory);
  for (const name of await readdir(directory)) {
    const file = join(directory, name);
    await lchown(file, uid, gid);
    await chmod(file, 0o600);
  }
}

interface Saved {
  readonly path: string;
  readonly format: Format;
  readonly encoding: string;
  /** pg_restore is here, not in the container. */
  readonly local: boolean;
}

/** Reads the whole dump again: what was counted is what can be loaded. */
async function countSaved(server: Server, { path, format, encoding, local }: Saved): Promise<DumpContent> {
  const { exec, signal } = server.context;
  if (format === 'plain') return countDump(createReadStream(path, { highWaterMark: CHUNK }), encoding, signal);
  const { program, args, options } = plainCommand(
    // Our own files, which another account could not read.
    local ? { ...server, account: undefined } : server,
    'pg_restore',
    ['--file=-', ...(format === 'directory' ? [path] : [])],
  );
  const pipe = await openPipe(join(path, '..'), server.context);
  const input = format === 'directory' ? undefined : await open(path, 'r');
  try {
    const stdin = input === undefined ? {} : { stdin: input.fd };
    const done = exec(program, args, { ...options, ...stdin, stdoutTo: pipe.writer.fd, signal });
    const reading = countDump(pipe.reader.createReadStream({ highWaterMark: CHUNK }), encoding, signal);
    const both = Promise.allSettled([done, reading]);
    await pipe.writer.close();
    const [restored, counted] = await both;
    // Whichever failed first makes the other one fail; what pg_restore says is nearer to the cause.
    if (restored.status === 'rejected' && !isCutOff(restored.reason)) throw restored.reason;
    if (counted.status === 'rejected') throw counted.reason;
    return counted.value;
  } finally {
    await input?.close();
  }
}

/** pg_restore ended because nobody read on. */
function isCutOff(reason: unknown): boolean {
  return reason instanceof BackupError && /SIGPIPE|Broken pipe/.test(reason.message);
}

const CHUNK = 1024 * 1024;

/**
 * Bytes of a file, or of all files of a directory.
 * @throws BackupError `failed` where a directory holds anything but files: a link in a copy could lead out of it
 */
export async function bytesOf(path: string): Promise<number> {
  const stats = await lstat(path);
  if (!stats.isDirectory()) return stats.size;
  let bytes = 0;
  for (const name of await readdir(path)) {
    const facts = await lstat(join(path, name));
    if (!facts.isFile())
      throw new BackupError('failed', `${basename(path)}/${name} is no file: no pg_dump has left it.`);
    bytes += facts.size;
  }
  return bytes;
}

/** Less is no space for a dump. */
const FULL_BYTES = 64 * 1024;

/** pg_dump ends with 0 where its standard output is cut off by a full disk. */
async function describeFullDisk(directory: string): Promise<string> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize >= FULL_BYTES) return '';
  return `\nThe file system of ${directory} is full: make room.`;
}

function inDatabase(database: string, error: unknown, space: string): unknown {
  if (!(error instanceof BackupError)) return error;
  return new BackupError(error.code, `database "${database}": ${error.message}${space}`, { cause: error });
}
