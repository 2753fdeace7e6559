// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { dumpPath } from './copy.ts';
import { countDump } from './count-dump.ts';
import { createStatement } from './create.ts';
import { canRestrict, type LenientResult, loadLeniently } from './load.ts';
import { isQualifiedName, quoteName, quoteText } from './names.ts';
import type { PostgresqlOptions } from './options.ts';
import { type DatabaseFacts, type DatabaseRecord, openInCopy } from './record.ts';
import { ask, execute, runSql } from './server.ts';
import { findGround, LOADER, type ThrowAway, withThrowAway } from './throw-away.ts';

type Context = CopyContext<PostgresqlOptions>;

/** Loads every dump into a throw-away server and counts the rows there. */
export async function checkLoading(context: Context, records: readonly DatabaseRecord[]): Promise<readonly Check[]> {
  const hostile = await foreignCommands(context, records);
  if (hostile.length > 0) return hostile;
  const ground = await findGround(context, Math.max(...records.map(({ facts }) => facts.serverNumber)));
  if ('lacks' in ground) {
    return records.map(({ facts }) => ({ name: nameOf(facts), status: 'skipped', message: ground.lacks }));
  }
  return withThrowAway(context, ground, async (server) => {
    if (!(await canRestrict(server.admin))) {
      return records.map(({ facts }) => ({ name: nameOf(facts), status: 'skipped', message: UNSAFE_PSQL }));
    }
    await createRoles(server, records);
    const checks: Check[] = [];
    for (const [index, record] of records.entries()) {
      const database = `copy_${index}`;
      checks.push(...(await checkDatabase(context, server, { record, database })));
      await execute(server.admin, 'postgres', [`DROP DATABASE IF EXISTS ${quoteName(database)} WITH (FORCE)`]);
    }
    return checks;
  });
}

const UNSAFE_PSQL =
  'not loaded: psql lets a hostile dump run commands (CVE-2025-8714). Update the Debian package of its server and client ' +
  'to 15.14, 16.10, 17.6 or newer';

function nameOf({ database }: DatabaseFacts): string {
  return `database ${database}`;
}

/** psql would carry these out itself: what pg_dump has not written is not given to it. Also counts what is there. */
export async function foreignCommands(
  { copy, signal }: Pick<Context, 'copy' | 'signal'>,
  records: readonly DatabaseRecord[],
): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const record of records.filter(({ dumpFormat }) => dumpFormat === 'plain')) {
    const name = nameOf(record.facts);
    try {
      const { commands } = await countDump(
        (await openInCopy(dumpPath(copy, record))).createReadStream(),
        record.facts.encoding,
        signal,
      );
      if (commands.length > 0) {
        const message = `not loaded: the dump holds commands for psql that no pg_dump writes: ${commands.join(', ')}`;
        checks.push({ name, status: 'failed', message });
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BackupError)) throw error;
      checks.push({ name, status: 'failed', message: describeError(error) });
    }
  }
  return checks;
}

/** Roles by name only: no password, no right of theirs is needed here. */
async function createRoles({ admin }: ThrowAway, records: readonly DatabaseRecord[]): Promise<void> {
  const names = [...new Set(records.flatMap(({ facts }) => [facts.owner, ...facts.roles]))].filter(
    (name) => !/^pg_/.test(name),
  );
  const create = [LOADER, ...names].map((name) => `CREATE ROLE ${quoteName(name)};`);
  const statements = [
    ...create,
    // Row security must hide no row from the counting.
    `ALTER ROLE ${LOADER} LOGIN BYPASSRLS;`,
    ...names.map((name) => `GRANT ${quoteName(name)} TO ${LOADER};`),
  ];
  await runSql(admin, 'postgres', { args: ['--file=-'], stdin: statements.join('\n') });
}

interface Subject {
  readonly record: DatabaseRecord;
  /** In the throw-away server. */
  readonly database: string;
}

async function checkDatabase(context: Context, server: ThrowAway, subject: Subject): Promise<readonly Check[]> {
  const { record, database } = subject;
  const name = nameOf(record.facts);
  try {
    await createEmpty(server, subject);
    const lacking = await createExtensions(server, subject);
    if (lacking !== undefined) return [{ name, status: 'skipped', message: lacking }];
    const path = dumpPath(context.copy, record);
    const loaded = await loadLeniently(server.loader, { record, path, database, scratch: context.scratch });
    if (loaded.errors.length > 0) {
      return [{ name, status: 'failed', message: `the dump does not load: ${loaded.errors.join('; ')}` }];
    }
    return compare(subject, await countTables(server, subject), loaded);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return [{ name, status: 'failed', message: describeError(error) }];
  }
}

/** The locale of the other machine may be missing here; rows are the same in another one. */
async function createEmpty({ admin }: ThrowAway, { record, database }: Subject): Promise<void> {
  const { facts } = record;
  const mine = { ...facts, owner: LOADER, connectionLimit: -1 };
  try {
    await execute(admin, 'postgres', [createStatement(database, mine)]);
  } catch {
    admin.context.signal.throwIfAborted();
    const plain = { ...mine, collate: 'C', ctype: 'C', provider: 'c', locale: null };
    await execute(admin, 'postgres', [createStatement(database, plain)]);
  }
  const owners = facts.roles.filter((role) => !/^pg_/.test(role)).map(quoteName);
  if (owners.length > 0) await execute(admin, database, [`GRANT CREATE ON SCHEMA public TO ${owners.join(', ')}`]);
}

/**
 * Extensions that only a superuser may create are created before anything of the dump is there. Their code is this
 * machine's own.
 * @returns why the dump cannot be loaded here
 */
async function createExtensions({ admin }: ThrowAway, { record, database }: Subject): Promise<string | undefined> {
  for (const { name, schema } of record.facts.extensions) {
    const [trusted] = await ask(
      admin,
      database,
      `select coalesce(bool_or(v.trusted), false) from pg_available_extensions e join pg_available_extension_versions v
       on v.name = e.name and v.version = e.default_version where e.name = ${quoteText(name)} having count(*) > 0`,
    );
    if (trusted === undefined)
      return `the extension ${name} is not on this machine: install the Debian package that brings it`;
    if (trusted === 't') continue;
    await execute(admin, database, [
      `CREATE SCHEMA IF NOT EXISTS ${quoteName(schema)} AUTHORIZATION ${LOADER}`,
      `CREATE EXTENSION IF NOT EXISTS ${quoteName(name)} SCHEMA ${quoteName(schema)} CASCADE`,
    ]);
  }
  return undefined;
}

/** Rows by the table's place in the record; those of extensions have rows of their own. */
interface Counted {
  readonly rows: ReadonlyMap<number, number>;
  readonly ofExtensions: ReadonlySet<number>;
}

/** Counts as the loader: a table may have become a view that calls functions. */
async function countTables({ loader }: ThrowAway, { record, database }: Subject): Promise<Counted> {
  const rows = new Map<number, number>();
  const ofExtensions = new Set<number>();
  const statements = record.tables.map(({ name }, index) => {
    if (!isQualifiedName(name))
      throw new BackupError('failed', `the record holds a table that has no name: ${name.slice(0, 100)}`);
    const member = `exists (select 1 from pg_extension where ${quoteText(name)}::regclass = any(extconfig))`;
    return `select ${index}, count(*), ${member} from only ${name};`;
  });
  const onLine = (line: string) => {
    const [index = '', count = '', member] = line.split('|');
    rows.set(Number(index), Number(count));
    if (member === 't') ofExtensions.add(Number(index));
  };
  const stdin = statements.join('\n');
  await runSql(loader, database, { args: ['--set=ON_ERROR_STOP=0', '--file=-'], stdin, onLine });
  return { rows, ofExtensions };
}

const MOST_NAMED = 10;

function compare({ record }: Subject, { rows, ofExtensions }: Counted, loaded: LenientResult): readonly Check[] {
  const wrong = record.tables.flatMap(({ name, rows: saved }, index): Check[] => {
    const found = rows.get(index);
    if (found === saved || ofExtensions.has(index)) return [];
    // Where a superuser's statement was left out, others fail that need it: that is no proof against the dump.
    const status = loaded.consequences.length > 0 ? 'skipped' : 'failed';
    const message =
      found === undefined ? `it is missing, saved were ${saved} rows` : `${found} rows, saved were ${saved}`;
    return [{ name: `${record.facts.database}: rows of ${name}`, status, message }];
  });
  const name = nameOf(record.facts);
  if (wrong.some(({ status }) => status === 'failed')) return wrong.slice(0, MOST_NAMED);
  if (wrong.length > 0) {
    const lost = `${wrong.length} tables could not be loaded without the rights of a superuser`;
    return [{ name, status: 'skipped', message: `${lost}: ${loaded.consequences.join('; ')}` }];
  }
  const total = record.tables.reduce((sum, table) => sum + table.rows, 0);
  const note = loaded.refused > 0 ? `; ${loaded.refused} statements that need a superuser were left out` : '';
  return [{ name, status: 'ok', message: `loaded: ${record.tables.length} tables, ${total} rows${note}` }];
}
