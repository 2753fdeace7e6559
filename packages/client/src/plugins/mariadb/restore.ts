// SPDX-License-Identifier: AGPL-3.0-or-later
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { TaskRestore } from '../../plugin-copy.ts';
import { untilAnswers } from '../../plugin-tools/until-answers.ts';
import { quoteAccount } from './accounts.ts';
import { verifyLoaded } from './after-restore.ts';
import { brokenViews, type Database } from './databases.ts';
import { dumpDatabase } from './dump-database.ts';
import type { Flavour } from './flavour.ts';
import { loadAll } from './load-all.ts';
import { endLoaders, newMark } from './loader.ts';
import { fileNameOf, fromHex, quoteName, quoteText } from './names.ts';
import type { DatabaseOptions } from './options.ts';
import { openCopied } from './record.ts';
import { type Context, makePlan, planSteps, type RestorePlan, requirePlainDump, type Target } from './restore-plan.ts';
import { hasEndMark } from './scan-dump.ts';
import { type LoadTarget, openServer, type Server } from './server.ts';

const replaced = z.object({
  name: z.string(),
  /** Of the database that was there, to make it again; null where there was none. */
  kept: z.object({ file: z.string(), characterSet: z.string(), collation: z.string() }).nullable(),
});
const memo = z.object({
  databases: z.array(replaced),
  accounts: z.array(z.object({ user: z.string(), host: z.string(), isRole: z.boolean() })),
  /** By which clients that load are found again; absent in what an older version has noted. */
  mark: z.string().optional(),
});

/** Databases whose dropping has begun, and accounts that were made, as they are remembered. */
type Changes = z.infer<typeof memo>;

/**
 * How databases are put back. MariaDB cannot rename a database, so the one that is there is dumped into `kept` first, with
 * the same proof as a backup, then dropped and made anew.
 */
export function databaseRestore(flavour: Flavour): TaskRestore<DatabaseOptions> {
  return {
    plan: async (context) => {
      const plan = await makePlan(context, flavour);
      if (context.as !== undefined) for (const target of plan.targets) await requirePlainDump(target, context.signal);
      return planSteps(plan, context);
    },
    apply: async (context) => {
      await containerIsUp(context, flavour);
      const plan = await makePlan(context, flavour);
      for (const target of plan.targets) await requirePlainDump(target, context.signal);
      const changes: Changes = { databases: [], accounts: [], mark: newMark() };
      const warnings: string[] = [];
      // All of them before the first is dropped: a view that looks into another database is broken once that is gone.
      for (const target of plan.targets) warnings.push(...(await keep(target, plan, { context, flavour })));
      await flush(context.kept);
      for (const target of plan.targets) await replaceDatabase(target, plan, { context, changes });
      await loadTargets(plan.targets, plan.server, changes.mark);
      await createAccounts(plan, context, changes);
      if (context.as !== undefined) warnings.push(...(await disableEvents(plan.server, context.as)));
      return warnings;
    },
    revert: async (context) => {
      const parsed = memo.safeParse(context.remembered());
      if (!parsed.success) return;
      await containerIsUp(context, flavour);
      const server = await openServer(context, flavour);
      if (parsed.data.mark !== undefined) await endLoaders(parsed.data.mark, server, context.signal);
      await revertChanges(parsed.data, server, context.kept);
    },
    verify: async (context) => {
      const { databases } = memo.parse(context.remembered() ?? { databases: [], accounts: [] });
      const names = databases.map(({ name }) => name);
      return verifyLoaded(context, flavour, names);
    },
  };
}

/** Its container was started a moment ago. */
async function containerIsUp(context: Context, flavour: Flavour): Promise<void> {
  if (context.options.container === undefined) return;
  await untilAnswers(async () => (await openServer(context, flavour)).query('SELECT 1'), context.signal);
}

/** Dumps what is there, for `revert` and for the admin: on disk before anything is dropped. */
async function keep(
  { name, existing }: Target,
  { server, version }: RestorePlan,
  { context, flavour }: { readonly context: Context; readonly flavour: Flavour },
): Promise<readonly string[]> {
  if (existing === undefined) return [];
  // All of it, whatever a backup leaves out.
  const options = { ...context.options, dump_options: keptOptions(version) };
  const dump = { database: existing, version, directory: context.kept };
  const { warnings } = await dumpDatabase(dump, server, { ...context, flavour, options });
  await flush(keptFile(context.kept, name));
  if (warnings.length > 0) await keepBrokenViews(server, name, context.kept);
  return warnings.map((warning) => `Before the restore: ${warning} What it was: ${viewsFile(context.kept, name)}`);
}

function viewsFile(directory: string, name: string): string {
  return join(directory, `${fileNameOf(name)}.views.txt`);
}

/** Views that look into something that is gone can be in no dump; an admin may want to mend them. */
async function keepBrokenViews(server: Server, name: string, directory: string): Promise<void> {
  const lines: string[] = [];
  for (const view of await brokenViews(server, name)) {
    const [[, text = ''] = []] = await server.query(`SHOW CREATE VIEW ${quoteName(name)}.${quoteName(view)}`);
    lines.push(`${text};\n`);
  }
  await writeFile(viewsFile(directory, name), lines.join(''), { flag: 'wx', mode: 0o600 });
}

/** Programs that know the option want a server of 10.11 or newer for it. */
function keptOptions(version: string): string[] {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+).*mariadb/i.exec(version) ?? [];
  const knowsHistory = Number(major) * 1000 + Number(minor) >= 10_011;
  return knowsHistory ? ['--loose-dump-history'] : [];
}

function keptFile(directory: string, name: string): string {
  return join(directory, `${fileNameOf(name)}.sql`);
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes an empty database in the place of what is kept. */
async function replaceDatabase(
  { saved, name, existing }: Target,
  { server }: RestorePlan,
  { context, changes }: { readonly context: Context; readonly changes: Changes },
): Promise<void> {
  const kept = existing === undefined ? null : keptAs(name, existing);
  changes.databases.push({ name, kept });
  await context.remember(changes);
  await makeEmpty(server, name, saved.record);
}

function keptAs(name: string, { characterSet, collation }: Database) {
  return { file: `${fileNameOf(name)}.sql`, characterSet, collation };
}

async function makeEmpty(
  server: Server,
  name: string,
  { characterSet, collation }: { readonly characterSet: string; readonly collation: string },
): Promise<void> {
  const quoted = quoteName(name);
  await server.query(
    `DROP DATABASE IF EXISTS ${quoted}; CREATE DATABASE ${quoted} CHARACTER SET ${characterSet} COLLATE ${collation}`,
  );
}

async function loadTargets(targets: readonly Target[], server: Server, mark: string | undefined): Promise<void> {
  const failed = await loadAll(targets, ({ saved, name }) => loadFile(server, saved.dump, { database: name, mark }));
  if (failed.length === 0) return;
  const lines = failed.map(({ dump, error }) => `database ${dump.name}: ${error.message}`);
  throw new BackupError('failed', lines.join('\n'));
}

async function loadFile(server: Server, file: string, target: LoadTarget): Promise<void> {
  const handle = await openCopied(file);
  try {
    await server.load(handle.fd, target);
  } finally {
    await handle.close();
  }
}

async function createAccounts({ accounts, server }: RestorePlan, context: Context, changes: Changes): Promise<void> {
  for (const { user, host, isRole, statements } of accounts) {
    changes.accounts.push({ user, host, isRole });
    await context.remember(changes);
    await server.load(`${statements.join('\n')}\n`, { mark: changes.mark });
  }
}

/** What the original does by itself every night must not happen twice. */
async function disableEvents(server: Server, database: string): Promise<readonly string[]> {
  const rows = await server.query(
    `SELECT HEX(EVENT_NAME) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${quoteText(database)} AND STATUS = 'ENABLED'`,
  );
  const names = rows.map(([hex = '']) => fromHex(hex));
  for (const name of names) await server.query(`ALTER EVENT ${quoteName(database)}.${quoteName(name)} DISABLE`);
  return names.map((name) => `Event ${name} of ${database} is disabled: it would run beside that of the original.`);
}

/**
 * What was restored is dropped only where what was there can be loaded back.
 * @throws BackupError `failed`
 */
async function requireKept(databases: Changes['databases'], directory: string): Promise<void> {
  for (const { name, kept } of databases) {
    if (kept === null || (await hasEndMark(join(directory, kept.file)))) continue;
    const what = `${join(directory, kept.file)}, the dump of database ${name} before the restore, is not whole`;
    throw new BackupError('failed', `${what}: ${name} is left as it is now.`);
  }
}

async function revertChanges({ databases, accounts, mark }: Changes, server: Server, directory: string): Promise<void> {
  await requireKept(databases, directory);
  for (const account of [...accounts].reverse()) {
    await server.query(`DROP ${account.isRole ? 'ROLE' : 'USER'} IF EXISTS ${quoteAccount(account)}`);
  }
  for (const { name, kept } of databases) {
    if (kept === null) await server.query(`DROP DATABASE IF EXISTS ${quoteName(name)}`);
    else await makeEmpty(server, name, kept);
  }
  const kept = databases.flatMap(({ name, kept: dump }) =>
    dump === null ? [] : [{ name, file: join(directory, dump.file) }],
  );
  const failed = await loadAll(kept, ({ name, file }) => loadFile(server, file, { database: name, mark }));
  if (failed.length === 0) return;
  const lines = failed.map(({ dump, error }) => `database ${dump.name}, kept in ${dump.file}: ${error.message}`);
  throw new BackupError('failed', lines.join('\n'));
}
