// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { BackupError } from '@local-backup/common/errors';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import type { DatabaseRecord, SavedDatabase } from './record.ts';
import { END_MARK, hasEndMark, scanDump } from './scan-dump.ts';

/** Read whole at level quick up to this size, some ten seconds (measured: 120 MB/s); only its end beyond. */
const QUICK_BYTES = 1024 ** 3;

/** Tables that a message names. */
const NAMED = 5;

type Context = Pick<CopyContext, 'signal' | 'level'>;

/** Whether a dump is whole, holds the tables and rows that were counted when it was made, and nothing but a dump. */
export async function checkDump({ record, dump, name }: SavedDatabase, { signal, level }: Context): Promise<Check> {
  try {
    const message = await dumpComplaint(dump, record, { signal, level });
    if (message !== undefined) return { name, status: 'failed', message };
    return { name, status: 'ok', message: `whole, ${record.tables.length} tables, ${rowsOf(record)} rows` };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return { name, status: 'failed', message: error.message };
  }
}

/** Rows of all tables. */
export function rowsOf({ tables }: DatabaseRecord): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0);
}

/** What differs between the tables that were counted and those that are there; undefined where nothing does. */
export function tableDifference(
  counted: DatabaseRecord['tables'],
  found: ReadonlyMap<string, number>,
): string | undefined {
  const differences = counted.flatMap(({ name, rows }) => {
    const now = found.get(name);
    if (now === rows) return [];
    return [now === undefined ? `table ${name} is missing` : `table ${name} has ${now} rows, not ${rows}`];
  });
  const known = new Set(counted.map(({ name }) => name));
  differences.push(
    ...[...found.keys()].filter((name) => !known.has(name)).map((name) => `table ${name} was not saved`),
  );
  if (differences.length === 0) return undefined;
  const more = differences.length > NAMED ? `; ${differences.length - NAMED} more` : '';
  return differences.slice(0, NAMED).join('; ') + more;
}

/**
 * Statements that no dump of one database holds, so that loading it would reach beyond; undefined where there are none.
 * @param database that may be altered, see `altered`
 */
export function foreignComplaint(
  { foreign, altered }: { readonly foreign: readonly string[]; readonly altered: readonly string[] },
  database: string,
): string | undefined {
  const others = altered.filter((name) => name !== database).map(() => 'ALTER DATABASE of another one');
  const found = [...foreign, ...others];
  if (found.length === 0) return undefined;
  return `holds what no dump of a database holds: ${found.join(', ')}`;
}

async function dumpComplaint(
  dump: string,
  record: DatabaseRecord,
  { signal, level }: Context,
): Promise<string | undefined> {
  if (!(await hasEndMark(dump))) return `is not whole: it has no ${END_MARK.name}`;
  if (level === 'quick' && (await lstat(dump)).size > QUICK_BYTES) return undefined;
  const content = await scanDump(dump, signal);
  if (!content.complete) return 'is damaged: it ends in the middle of a statement';
  return foreignComplaint(content, record.database) ?? tableDifference(record.tables, content.tables);
}
