// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import { untilAnswers } from '../../plugin-tools/until-answers.ts';
import { requireRows, verifyDatabases } from './after-restore.ts';
import { maintenanceDatabase, serverVersion } from './catalogue.ts';
import { DIRECTORY, describeContent, dumpPath, readSavedDatabases } from './copy.ts';
import { createStatement, propertyStatements } from './create.ts';
import { explainFailure } from './explain.ts';
import { canReadCopy, loadDump } from './load.ts';
import { asideName, quoteName } from './names.ts';
import type { PostgresqlOptions } from './options.ts';
import type { DatabaseRecord } from './record.ts';
import { findDatabase, putBack, type RestoreMemo, readMemo, renameDatabase } from './replace.ts';
import { createRoles, findMissingRoles, type MissingRoles } from './roles.ts';
import { ask, execute, missingPrograms, openServer, type Server } from './server.ts';
import { foreignCommands } from './verify-load.ts';

type Context = RestoreContext<PostgresqlOptions>;

/** A database, and the name that it gets. */
interface Target {
  readonly record: DatabaseRecord;
  readonly name: string;
}

/** Loads dumps into new databases; what they replace stays beside them under another name. */
export const restore: TaskRestore<PostgresqlOptions> = {
  async plan(context) {
    const targets = await readTargets(context);
    const missing = await missingPrograms(context, ['psql', 'pg_restore']);
    if (missing.length > 0) throw new BackupError('config', missing.join('\n'));
    const server = await openServer(context);
    const through = await maintenanceDatabase(server);
    await requireRights(server, through);
    const roles = await rolesFor(context, server, targets);
    const { number } = await serverVersion(server, through);
    const steps = await Promise.all(targets.map((target) => planDatabase({ server, through, number }, target)));
    const created = roles.created.map(
      (name): RestoreStep => ({ action: 'create', what: `role ${name}, from ${DIRECTORY}/globals.sql` }),
    );
    return [...created, ...steps.flat()];
  },

  async apply(context) {
    const targets = await readTargets(context);
    await requirePlainDumps(context, targets);
    const server = await openServer(context);
    await containerIsUp(server, context);
    const roles = await rolesFor(context, server, targets);
    let memo: RestoreMemo = { databases: [], roles: [...roles.created] };
    await context.remember(memo);
    await createRoles(server, await maintenanceDatabase(server), roles.statements);
    const warnings: string[] = [];
    for (const target of targets) {
      const aside = await nameAside(server, target.name);
      memo = {
        ...memo,
        databases: [...memo.databases, { target: target.name, ...(aside === undefined ? {} : { aside }) }],
      };
      await context.remember(memo);
      warnings.push(...(await replaceDatabase(context, server, { ...target, aside })));
    }
    return warnings;
  },

  async revert(context) {
    const { databases, roles } = readMemo(context.remembered());
    if (databases.length === 0 && roles.length === 0) return;
    const server = await openServer(context);
    await containerIsUp(server, context);
    for (const database of [...databases].reverse()) await putBack(server, database);
    const drops = roles.map((role) => `DROP ROLE IF EXISTS ${quoteName(role)}`);
    await execute(server, await maintenanceDatabase(server), drops);
    // Whatever is called like that from now on is none of this restore's.
    await context.remember({});
  },

  verify: async (context) => verifyDatabases(context, await readTargets(context)),
};

/** Its container was started a moment ago. */
async function containerIsUp(server: Server, { options, signal }: Context): Promise<void> {
  if (options.container !== undefined) await untilAnswers(() => maintenanceDatabase(server), signal);
}

/**
 * Every database of the copy with the name it gets.
 * @throws BackupError `failed` with all that is wrong with the copy
 */
async function readTargets(context: Context): Promise<readonly Target[]> {
  const saved = await readSavedDatabases(context.copy, context.options);
  const complaints = saved.flatMap(({ file, complaint }) => (complaint === undefined ? [] : [`${file}: ${complaint}`]));
  const records = saved.flatMap(({ record }) => record ?? []);
  for (const record of records) {
    if ((await lstat(dumpPath(context.copy, record)).catch(() => undefined)) === undefined) {
      complaints.push(`${DIRECTORY}/${record.dump} is not in the copy.`);
    }
  }
  if (context.as !== undefined) complaints.push(...renameComplaints(context.as, records));
  if (complaints.length > 0) throw new BackupError('failed', complaints.join('\n'));
  return records.map((record) => ({ record, name: context.as ?? record.facts.database }));
}

/** @throws BackupError `failed` where a dump would have psql do something else than load it: as root, over TCP */
async function requirePlainDumps(context: Context, targets: readonly Target[]): Promise<void> {
  const complaints = await foreignCommands(
    context,
    targets.map(({ record }) => record),
  );
  if (complaints.length === 0) return;
  throw new BackupError('failed', complaints.map(({ name, message }) => `${name}: ${message}`).join('\n'));
}

function renameComplaints(as: string, records: readonly DatabaseRecord[]): readonly string[] {
  if (Buffer.byteLength(as) > 63 || as.includes('\0')) return [`"${as}" can be no database: 63 bytes are the most.`];
  if (records.length <= 1) return [];
  const names = records.map(({ facts }) => facts.database).join(', ');
  return [`One name cannot stand for ${records.length} databases (${names}): restore them without another name.`];
}

/** @throws BackupError `failed` where the role that logs in may create no database */
async function requireRights(server: Server, through: string): Promise<void> {
  const sql = 'select rolsuper or rolcreatedb, rolname from pg_roles where rolname = current_user';
  const [allowed, name] = ((await ask(server, through, sql))[0] ?? '').split('|');
  if (allowed === 't') return;
  throw new BackupError(
    'failed',
    `Role "${name}" may create no database: log in as a superuser for a restore (\`user\` of the task).`,
  );
}

/** @throws BackupError `failed` where a role is needed that nobody knows */
async function rolesFor(context: Context, server: Server, targets: readonly Target[]): Promise<MissingRoles> {
  const records = targets.map(({ record }) => record);
  const roles = await findMissingRoles(server, await maintenanceDatabase(server), { copy: context.copy, records });
  if (roles.unknown.length === 0) return roles;
  throw new BackupError(
    'failed',
    `Roles that the databases belong to, or that may use them, are not on this server, and no roles were saved ` +
      `(\`globals: true\`). Create them first: ${roles.unknown.map((name) => `CREATE ROLE ${quoteName(name)};`).join(' ')}`,
  );
}

interface Place {
  readonly server: Server;
  readonly through: string;
  /** Version of the server, as `150004`. */
  readonly number: number;
}

async function planDatabase(
  { server, through, number }: Place,
  { record, name }: Target,
): Promise<readonly RestoreStep[]> {
  const { facts } = record;
  const present = await findDatabase(server, through, name);
  const steps: RestoreStep[] = [];
  if (Math.floor(facts.serverNumber / 10_000) > Math.floor(number / 10_000)) {
    const what = `database ${name} was dumped from version ${facts.server}; this server is older and may not understand it`;
    steps.push({ action: 'note', what });
  }
  if (present !== undefined) {
    const what = `database ${name} (${formatBytes(present.bytes)}): connections to it are ended`;
    steps.push({ action: 'replace', what });
    const kept = `the old database ${name}, renamed ${name}_before_restore_<time>; drop it when you no longer need it`;
    steps.push({ action: 'keep', what: kept });
  }
  steps.push({ action: 'create', what: `database ${name}, owner ${facts.owner}, ${facts.encoding}` });
  steps.push({
    action: 'load',
    what: `database ${name} (${describeContent(record)}), from ${DIRECTORY}/${record.dump}`,
  });
  if (record.dumpFormat === 'directory' && !canReadCopy(server)) {
    const what = `database ${name} is loaded by one connection: only root can read the copy (over TCP: by \`jobs\`)`;
    steps.push({ action: 'note', what });
  }
  return steps;
}

async function nameAside(server: Server, name: string): Promise<string | undefined> {
  const through = await maintenanceDatabase(server, name);
  if ((await findDatabase(server, through, name)) === undefined) return undefined;
  const now = new Date();
  const taken = new Set<string>();
  for (;;) {
    const aside = asideName(name, now, taken);
    if ((await findDatabase(server, through, aside)) === undefined) return aside;
    taken.add(aside);
  }
}

async function replaceDatabase(
  context: Context,
  server: Server,
  { record, name, aside }: Target & { readonly aside: string | undefined },
): Promise<readonly string[]> {
  if (aside !== undefined) await renameDatabase(server, name, aside);
  const through = await maintenanceDatabase(server, name);
  await execute(server, through, [createStatement(name, record.facts)]);
  const path = dumpPath(context.copy, record);
  try {
    await loadDump(server, { record, path, database: name, scratch: context.scratch });
  } catch (error) {
    throw explainFailure(error, context);
  }
  await requireRows(server, { record, name });
  await execute(server, through, propertyStatements(name, record.facts));
  return analyze(context, server, name);
}

/** Without statistics the first queries are slow; nothing is wrong with the data then. */
async function analyze(context: Context, server: Server, name: string): Promise<readonly string[]> {
  try {
    await execute(server, name, ['ANALYZE']);
    return [];
  } catch (error) {
    context.signal.throwIfAborted();
    return [`database ${name}: ANALYZE failed, type it later: ${describeError(error)}`];
  }
}
