// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { ACCOUNTS_FILE, LARGEST_ACCOUNTS, parseAccounts } from './accounts.ts';
import { checkDump } from './check-dump.ts';
import type { Flavour } from './flavour.ts';
import { fileNameOf } from './names.ts';
import { type DatabaseOptions, namedDatabases, savesGrants } from './options.ts';
import { DIRECTORY, readCopied, type SavedDatabase, savedDatabases } from './record.ts';
import { verifyByLoading } from './verify-load.ts';

type Context = CopyContext<DatabaseOptions>;

/** Looks whether all is there and whole; at level full, whether it can be loaded and has as many rows as when it was saved. */
export async function verifyDatabases(context: Context, flavour: Flavour): Promise<readonly Check[]> {
  let saved: readonly SavedDatabase[];
  try {
    saved = await savedDatabases(context.copy, flavour);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return [{ name: DIRECTORY, status: 'failed', message: error.message }];
  }
  const checks = [...completeness(context, saved)];
  const whole: SavedDatabase[] = [];
  for (const database of saved) {
    const check = await checkDump(database, context);
    checks.push(check);
    if (check.status === 'ok') whole.push(database);
  }
  if (savesGrants(context.options)) checks.push(await checkAccounts(context.copy));
  if (context.level === 'full' && whole.length > 0) checks.push(...(await verifyByLoading(whole, context, flavour)));
  return checks;
}

function completeness({ options, facts }: Context, saved: readonly SavedDatabase[]): readonly Check[] {
  const failed = (name: string, message: string): Check => ({ name, status: 'failed', message });
  const there = new Set(saved.map(({ record }) => record.database));
  const missing = (namedDatabases(options) ?? []).filter((name) => !there.has(name));
  const checks = missing.map((name) =>
    failed(`${DIRECTORY}/${fileNameOf(name)}.sql`, 'is not in the copy, or its record is not'),
  );
  const count = facts.databases;
  if (missing.length === 0 && count !== undefined && Number(count) !== saved.length)
    checks.push(failed(DIRECTORY, `${saved.length} databases are in the copy, ${count} were saved`));
  else if (checks.length === 0 && saved.length === 0) {
    checks.push(
      count === '0'
        ? { name: DIRECTORY, status: 'ok', message: 'the server held no database when it was saved' }
        : failed(DIRECTORY, 'holds no database of this plugin'),
    );
  }
  return checks;
}

async function checkAccounts(copy: string): Promise<Check> {
  const name = `${DIRECTORY}/${ACCOUNTS_FILE}`;
  try {
    const accounts = parseAccounts(await readCopied(join(copy, DIRECTORY, ACCOUNTS_FILE), LARGEST_ACCOUNTS));
    return { name, status: 'ok', message: `whole, ${accounts.length} accounts` };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { name, status: 'failed', message: describeError(error) };
  }
}
