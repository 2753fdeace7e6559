// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { TaskRestore } from '../../plugin-copy.ts';
import { quoteAccount } from './accounts.ts';
import { dumpDatabase } from './dump-database.ts';
import type { Flavour } from './flavour.ts';
import { loadAll } from './load-all.ts';
import { fileNameOf, fromHex, quoteName, quoteText } from './names.ts';
import type { DatabaseOptions } from './options.ts';
import { openCopied } from './record.ts';
import { type Context, makePlan, planSteps, type RestorePlan, requirePlainDump, type Target } from './restore-plan.ts';
import { openServer, type Server } from './server.ts';

const replaced = z.object({
  name: z.string(),
  /** Of the database that was there, to make it again; null where there was none. */
  kept: z.object({ file: z.string(), characterSet: z.string(), collation: z.string() }).nullable(),
});
const memo = z.object({
  databases: z.array(replaced),
  accounts: z.array(z.object({ user: z.string(), host: z.string(), isRole: z.boolean() })),
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
      const plan = await makePlan(context, flavour);
      for (const target of plan.targets) await requirePlainDump(target, context.signal);
      const changes: Changes = { databases: [], accounts: [] };
      const warnings: string[] = [];
      for (const target of plan.targets)
        warnings.push(...(await replaceDatabase(target, plan, { context, flavour, changes })));
      await loadTargets(plan.targets, plan.server);
      await createAccounts(plan, context, changes);
      if (context.as !== undefined) warnings.push(...(await disableEvents(plan.server, context.as)));
      return warnings;
    },
    revert: async (context) => {
      const parsed = memo.safeParse(context.remembered());
      if (!parsed.success) return;
      const server = await openServer(context, flavour);
      await revertChanges(parsed.data, server, context.kept);
    },
  };
}

interface Work {
  readonly context: Context;
  readonly flavour: Flavour;
  readonly changes: Changes;
}

/** Keeps what is there, then makes an empty database in its place. */
async function replaceDatabase(
  { saved, name, existing }: Target,
  plan: RestorePlan,
  work: Work,
): Promise<readonly string[]> {
  const { context, flavour, changes } = work;
  const warnings: string[] = [];
  if (existing !== undefined) {
    // All of it, whatever a backup leaves out.
    const options = { ...context.options, dump_options: [] };
    const dump = { database: existing, version: plan.version, directory: context.kept };
    const kept = await dumpDatabase(dump, plan.server, { ...context, flavour, options });
    warnings.push(...kept.warnings.map((warning) => `Before the restore: ${warning}`));
  }
  const { characterSet, collation } = existing ?? saved.record;
  const kept = existing === undefined ? null : { file: `${fileNameOf(name)}.sql`, characterSet, collation };
  changes.databases.push({ name, kept });
  await context.remember(changes);
  await makeEmpty(plan.server, name, saved.record);
  return warnings;
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

async function loadTargets(targets: readonly Target[], server: Server): Promise<void> {
  const failed = await loadAll(targets, ({ saved, name }) => loadFile(server, saved.dump, name));
  if (failed.length === 0) return;
  const lines = failed.map(({ dump, error }) => `database ${dump.name}: ${error.message}`);
  throw new BackupError('failed', lines.join('\n'));
}

async function loadFile(server: Server, file: string, database: string): Promise<void> {
  const handle = await openCopied(file);
  try {
    await server.load(handle.fd, database);
  } finally {
    await handle.close();
  }
}

async function createAccounts({ accounts, server }: RestorePlan, context: Context, changes: Changes): Promise<void> {
  for (const { user, host, isRole, statements } of accounts) {
    changes.accounts.push({ user, host, isRole });
    await context.remember(changes);
    await server.load(`${statements.join('\n')}\n`);
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

async function revertChanges({ databases, accounts }: Changes, server: Server, directory: string): Promise<void> {
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
  const failed = await loadAll(kept, ({ name, file }) => loadFile(server, file, name));
  if (failed.length === 0) return;
  const lines = failed.map(({ dump, error }) => `database ${dump.name}, kept in ${dump.file}: ${error.message}`);
  throw new BackupError('failed', lines.join('\n'));
}
