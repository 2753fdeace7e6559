// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { PluginContext } from '../../plugin.ts';
import { accountsOf } from './accounts.ts';
import { chosenDatabases, serverVersion } from './databases.ts';
import type { Flavour } from './flavour.ts';
import { nameComplaint } from './names.ts';
import { type DatabaseOptions, savesGrants } from './options.ts';
import { openServer } from './server.ts';

/**
 * Finds out whether a run could succeed: programs, credentials, login, databases, and the right to read the accounts where
 * they are saved. Changes nothing.
 * @throws BackupError `config` or `failed`
 */
export async function validateDatabases(
  context: PluginContext<DatabaseOptions>,
  flavour: Flavour,
): Promise<readonly string[]> {
  const server = await openServer(context, flavour);
  const version = await serverVersion(server);
  const databases = await chosenDatabases(server, context.options);
  const complaints = databases.flatMap(({ name }) => {
    const complaint = nameComplaint(name);
    return complaint === undefined ? [] : `The name of database ${name} ${complaint}.`;
  });
  if (complaints.length > 0) throw new BackupError('config', complaints.join('\n'));
  if (savesGrants(context.options)) await requireAccounts(() => accountsOf(server, version));
  return databases.length === 0 ? ['The server holds no database but its own: there is nothing to dump.'] : [];
}

async function requireAccounts(read: () => Promise<unknown>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    throw new BackupError(
      'config',
      `The accounts cannot be read: grant this account SELECT on mysql.*, or set \`grants: false\`. ${error.message}`,
      { cause: error },
    );
  }
}
