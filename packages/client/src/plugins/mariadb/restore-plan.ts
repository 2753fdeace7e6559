// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { RestoreContext, RestoreStep } from '../../plugin-copy.ts';
import {
  ACCOUNTS_FILE,
  accountName,
  accountsOf,
  LARGEST_ACCOUNTS,
  parseAccounts,
  type SavedAccount,
} from './accounts.ts';
import { foreignComplaint } from './check-dump.ts';
import { allDatabases, type Database, serverVersion } from './databases.ts';
import type { Flavour } from './flavour.ts';
import { nameComplaint } from './names.ts';
import { type DatabaseOptions, namedDatabases } from './options.ts';
import { DIRECTORY, readCopied, type SavedDatabase, savedDatabases } from './record.ts';
import { scanDump } from './scan-dump.ts';
import { openServer, type Server } from './server.ts';

export type Context = RestoreContext<DatabaseOptions>;

/** A dump and where it goes. */
export interface Target {
  readonly saved: SavedDatabase;
  /** Name of the database that it is loaded into. */
  readonly name: string;
  /** The one of that name that is there now. */
  readonly existing: Database | undefined;
}

/** All that a restore would do. */
export interface RestorePlan {
  readonly server: Server;
  readonly version: string;
  readonly targets: readonly Target[];
  /** Accounts of the copy that the server lacks. */
  readonly accounts: readonly SavedAccount[];
}

/**
 * Decides what a restore does, by the copy and the server.
 * @throws BackupError with everything that is in the way
 */
export async function makePlan(context: Context, flavour: Flavour): Promise<RestorePlan> {
  const { options, copy, as } = context;
  const named = namedDatabases(options);
  // What the task does not name is none of its business, also where an older copy holds it.
  const saved = (await savedDatabases(copy, flavour)).filter(({ record }) => named?.includes(record.database) ?? true);
  const complaints = [...missing(saved, options), ...asComplaints(saved, as)];
  if (complaints.length > 0) throw new BackupError('failed', complaints.join('\n'));
  const server = await openServer(context, flavour);
  const version = await serverVersion(server);
  const there = await allDatabases(server);
  const targets = saved.map((database) => {
    const name = as ?? database.record.database;
    return { saved: database, name, existing: there.find((other) => other.name === name) };
  });
  // Accounts belong to the original, not to a copy beside it.
  const accounts = as === undefined ? await lackingAccounts(copy, server, version) : [];
  return { server, version, targets, accounts };
}

/** The plan as it is shown. */
export function planSteps({ targets, accounts }: RestorePlan, { as, kept }: Context): readonly RestoreStep[] {
  const steps: RestoreStep[] = targets.flatMap(({ saved, name, existing }) => [
    ...(existing === undefined
      ? [{ action: 'create' as const, what: `database ${name}, ${saved.record.characterSet}` }]
      : [
          { action: 'keep' as const, what: `database ${name}, dumped to ${kept}` },
          { action: 'replace' as const, what: `database ${name}: it is dropped and made anew` },
        ]),
    { action: 'load', what: `database ${name} (${saved.record.tables.length} tables), from ${saved.name}` },
  ]);
  for (const account of accounts) {
    steps.push({
      action: 'create',
      what: `account ${accountName(account)} with its grants, from ${DIRECTORY}/${ACCOUNTS_FILE}`,
    });
  }
  if (as !== undefined) steps.push({ action: 'note', what: `events of ${as} are disabled; accounts are not restored` });
  return steps;
}

/**
 * Refuses a dump that reaches beyond its database.
 * @throws BackupError `failed`
 */
export async function requirePlainDump({ saved, name }: Target, signal: AbortSignal): Promise<void> {
  const content = await scanDump(saved.dump, signal);
  const complaint = foreignComplaint(content, saved.record.database);
  if (complaint !== undefined) throw new BackupError('failed', `${saved.name} ${complaint}: it is not loaded.`);
  if (!content.complete)
    throw new BackupError('failed', `${saved.name} ends in the middle of a statement: it is not loaded.`);
  if (content.altered.length === 0 || name === saved.record.database) return;
  throw new BackupError(
    'failed',
    `${saved.name} cannot be loaded under another name: routines in it need \`ALTER DATABASE ${saved.record.database}\`.`,
  );
}

function missing(saved: readonly SavedDatabase[], options: DatabaseOptions): readonly string[] {
  const there = new Set(saved.map(({ record }) => record.database));
  const lacking = (namedDatabases(options) ?? []).filter((name) => !there.has(name));
  return lacking.map((name) => `Database ${name} is not in the copy.`);
}

function asComplaints(saved: readonly SavedDatabase[], as: string | undefined): readonly string[] {
  if (as === undefined) return [];
  if (saved.length !== 1) {
    return [`One name, ${as}, cannot be given to ${saved.length} databases: restore a task of one database under it.`];
  }
  const complaint = nameComplaint(as);
  return complaint === undefined ? [] : [`The name ${as} ${complaint}.`];
}

async function lackingAccounts(copy: string, server: Server, version: string): Promise<readonly SavedAccount[]> {
  const file = join(copy, DIRECTORY, ACCOUNTS_FILE);
  if ((await lstat(file).catch(() => undefined)) === undefined) return [];
  const saved = parseAccounts(await readCopied(file, LARGEST_ACCOUNTS));
  const there = new Set((await accountsOf(server, version)).map(accountName));
  return saved.filter((account) => !there.has(accountName(account)));
}
