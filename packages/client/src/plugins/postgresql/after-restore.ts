// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Check, RestoreContext } from '../../plugin-copy.ts';
import { untilAnswers } from '../../plugin-tools/until-answers.ts';
import { maintenanceDatabase } from './catalogue.ts';
import { isQualifiedName, quoteText } from './names.ts';
import type { PostgresqlOptions } from './options.ts';
import type { DatabaseRecord } from './record.ts';
import { findDatabase } from './replace.ts';
import { openServer, runSql, type Server } from './server.ts';

/** A database that was put back, and the name that it has got. */
export interface PutBack {
  readonly record: DatabaseRecord;
  readonly name: string;
}

const MOST_NAMED = 10;

/**
 * Right after a dump was loaded, before anything of the service is started: every table has the rows that were saved.
 * @throws BackupError `failed` with tables that lack some
 */
export async function requireRows(server: Server, { record, name }: PutBack): Promise<void> {
  const there = await tablesIn(server, name, record);
  // What an extension brings is filled by the extension; what is no table is not read: a view may call functions.
  const own = record.tables.filter((_, index) => there.get(index)?.isOwn === true);
  const rows = await askEach(server, name, own, (table) => `count(*) from only ${table}`);
  const short = own.flatMap((table, index) => {
    const found = Number(rows.get(index) ?? 0);
    return found < table.rows ? [`${table.name}: ${found} rows, saved were ${table.rows}`] : [];
  });
  const gone = record.tables.filter((_, index) => !there.has(index)).map((table) => `${table.name} is missing`);
  const wrong = [...gone, ...short];
  if (wrong.length === 0) return;
  const list = wrong.slice(0, MOST_NAMED).map(showControls).join('; ');
  throw new BackupError(
    'failed',
    `Database ${name} was loaded, and is not what was saved: ${list}. Has a program changed it meanwhile? Stop what uses ` +
      'it, and try again.',
  );
}

/**
 * Every database answers, and has its tables. Rows were counted when it was loaded: others write by now. A service that
 * is newer than its copy may have removed tables when it was started; only where none is left, that explains nothing.
 */
export async function verifyDatabases(
  context: RestoreContext<PostgresqlOptions>,
  databases: readonly PutBack[],
): Promise<readonly Check[]> {
  const server = await openServer(context);
  const through = await untilAnswers(() => maintenanceDatabase(server), context.signal);
  const checks: Check[] = [];
  for (const { record, name } of databases) {
    const check = { name: `database ${name}` };
    // One with a service at work may have no connection left for a moment.
    if ((await untilAnswers(() => findDatabase(server, through, name), context.signal)) === undefined) {
      checks.push({ ...check, status: 'failed', message: 'it is not there' });
      continue;
    }
    const there = await untilAnswers(() => tablesIn(server, name, record), context.signal);
    checks.push({ ...check, ...verdictOn(record, there.size) });
  }
  return checks;
}

function verdictOn({ tables }: DatabaseRecord, there: number): Omit<Check, 'name'> {
  if (there === tables.length) return { status: 'ok', message: `it answers, ${there} tables are there` };
  const some = `${there} of ${tables.length} tables are there`;
  if (there === 0) return { status: 'failed', message: `${some}; all of them were when it had been loaded` };
  return {
    status: 'skipped',
    message: `${some}; all of them were when it had been loaded. Has an upgrade removed some?`,
  };
}

interface Table {
  /** A table, and its rows are in the dump whole. */
  readonly isOwn: boolean;
}

/** Those of the saved tables that are there, by their places in the record. */
async function tablesIn(server: Server, database: string, { tables }: DatabaseRecord) {
  const lines = await askEach(server, database, tables, (table) => {
    const name = `to_regclass(${quoteText(table)})`;
    const isOwn = `relkind in ('r', 'p') and not exists (select 1 from pg_extension where oid = any(extconfig))`;
    return `${isOwn.replace('oid', 'pg_class.oid')} from pg_class where oid = ${name}`;
  });
  return new Map([...lines].map(([index, answer]): [number, Table] => [index, { isOwn: answer === 't' }]));
}

/** Asks something of every table, in one session; the answers by the place of the table. */
async function askEach(
  server: Server,
  database: string,
  tables: DatabaseRecord['tables'],
  query: (table: string) => string,
): Promise<ReadonlyMap<number, string>> {
  const answers = new Map<number, string>();
  const statements = tables.map(({ name }, index) => {
    if (isQualifiedName(name)) return `select ${index}, ${query(name)};`;
    throw new BackupError('failed', `the record holds a table that has no name: ${name.slice(0, 100)}`);
  });
  const onLine = (line: string) => {
    const [index = '', answer = ''] = line.split('|');
    if (index !== '') answers.set(Number(index), answer);
  };
  await runSql(server, database, { args: ['--file=-'], stdin: `${statements.join('\n')}\n`, onLine });
  return answers;
}
