// SPDX-License-Identifier: AGPL-3.0-or-later
import { rmdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { Check, CopyContext } from '../../../plugin-copy.ts';
import type { Flavour } from '../flavour.ts';
import { quoteName } from '../names.ts';
import type { DatabaseOptions } from '../options.ts';
import { commonArgs, MARIADB_ARGS, makePlace, type Query, queryWith, withRunning } from '../throw-away.ts';
import { isToolFile } from './data-files.ts';
import { type PhysicalRecord, seriesNumber } from './record.ts';
import { copyData } from './swap.ts';
import { programVersion } from './target.ts';

type Context = CopyContext<DatabaseOptions>;

/** Tables that are checked by one call of the client: a command line holds 128 KiB in one argument. */
const CHECKED_AT_ONCE = 100;

/** Tables that a message names. */
const NAMED = 5;

const NAME = 'server started with a copy of the files';

/** Starts a throw-away server with a copy of the files, and has it check every table and count its rows. */
export async function verifyByStarting(
  data: string,
  record: PhysicalRecord,
  { context, flavour }: { readonly context: Context; readonly flavour: Flavour },
): Promise<readonly Check[]> {
  const client = await findClient(flavour);
  const version = await programVersion(context);
  const skipped = (message: string): Check[] => [{ name: NAME, status: 'skipped', message }];
  if (client === undefined || version === undefined)
    return skipped('not started: apt install mariadb-server mariadb-client');
  if (seriesNumber(version) < seriesNumber(record.server)) {
    return skipped(`not started: MariaDB ${version} of this machine cannot read files of ${record.server}`);
  }
  const lack = await roomComplaint(record, context.scratch);
  if (lack !== undefined) return skipped(lack);
  try {
    return [await startAndCheck(data, record, { context, client })];
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return [{ name: NAME, status: 'failed', message: error.message }];
  }
}

async function startAndCheck(
  from: string,
  { files, tables, variables }: PhysicalRecord,
  { context, client }: { readonly context: Context; readonly client: string },
): Promise<Check> {
  const place = await makePlace(context.scratch);
  const to = join(place.directory, 'data');
  await rmdir(to);
  const chosen = files.map(({ path }) => path).filter((path) => !isToolFile(path));
  await copyData({ from, to }, chosen, {
    owner: { ...place.owner, mode: 0o700 },
    signal: context.signal,
    durable: false,
  });
  const query = queryWith(client, 'root', { ...context, place });
  const options = Object.entries(variables).map(([name, value]) => `--${name.replaceAll('_', '-')}=${value}`);
  // The accounts of the copy count for nothing, and neither do its plugins and functions: nothing of it is run.
  const closed = ['--skip-grant-tables', '--skip-slave-start'];
  const args = [...commonArgs(place.directory), ...MARIADB_ARGS, ...closed, ...options];
  return withRunning({ program: 'mariadbd', args, query }, { ...context, place }, () => checkTables(tables, query));
}

async function checkTables(tables: PhysicalRecord['tables'], query: Query): Promise<Check> {
  const [damaged, rows]: [string[], { sum: number }] = [[], { sum: 0 }];
  for (let at = 0; at < tables.length; at += CHECKED_AT_ONCE) {
    const some = tables.slice(at, at + CHECKED_AT_ONCE);
    const names = some.map(({ database, name }) => `${quoteName(database)}.${quoteName(name)}`);
    for (const [table = '', , kind = '', text = ''] of await query(`CHECK TABLE ${names.join(', ')}`)) {
      if (kind.toLowerCase() === 'error') damaged.push(`${table}: ${text}`);
    }
    if (damaged.length > 0) continue;
    const counts = await query(names.map((name) => `SELECT COUNT(*) FROM ${name}`).join('; '));
    for (const [count] of counts) rows.sum += Number(count);
  }
  if (damaged.length > 0) return { name: NAME, status: 'failed', message: damaged.slice(0, NAMED).join('; ') };
  return { name: NAME, status: 'ok', message: `${tables.length} tables with ${rows.sum} rows, none of them damaged` };
}

async function roomComplaint({ files }: PhysicalRecord, scratch: string): Promise<string | undefined> {
  const needed = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const { bavail, bsize } = await statfs(scratch);
  if (bavail * bsize >= needed) return undefined;
  return `not started: a copy takes ${formatBytes(needed)} in ${scratch}, ${formatBytes(bavail * bsize)} are free`;
}

async function findClient({ client }: Flavour): Promise<string | undefined> {
  for (const program of client) if ((await findProgram(program)) !== undefined) return program;
  return undefined;
}
