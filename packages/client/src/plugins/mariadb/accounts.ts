// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { fromHex, quoteName } from './names.ts';
import type { Server } from './server.ts';

/** Name of the file of the accounts, in the directory of the dumps. */
export const ACCOUNTS_FILE = 'grants.sql';

/** Ten thousands of accounts make some megabytes. */
export const LARGEST_ACCOUNTS = 64 * 1024 * 1024;

/** An account, or a role, of a server. */
export interface Account {
  readonly user: string;
  readonly host: string;
  readonly isRole: boolean;
}

/** An account as it was saved. */
export interface SavedAccount extends Account {
  /** Statements without line breaks in them, each with its `;`. */
  readonly statements: readonly string[];
}

/** Accounts that every server makes itself, and the administrator's by which a restore logs in. */
const OWN = new Set([
  'root',
  'mariadb.sys',
  'mysql',
  'mysql.sys',
  'mysql.session',
  'mysql.infoschema',
  'debian-sys-maint',
]);

/** The accounts of a server, without its own. Roles come first: they are granted to the others. */
export async function accountsOf(server: Server, version: string): Promise<readonly Account[]> {
  const role = /mariadb/i.test(version) ? 'is_role' : "'N'";
  const rows = await server.query(`SELECT HEX(User), HEX(Host), ${role} FROM mysql.user ORDER BY 3 DESC, User, Host`);
  return rows
    .map(([user = '', host = '', isRole]) => ({ user: fromHex(user), host: fromHex(host), isRole: isRole === 'Y' }))
    .filter(({ user, isRole }) => !OWN.has(user) && !(user === 'PUBLIC' && isRole));
}

/** An account as SQL takes it. */
export function quoteAccount({ user, host, isRole }: Account): string {
  return isRole ? quoteName(user) : `${quoteName(user)}@${quoteName(host)}`;
}

/** An account as people write it. */
export function accountName({ user, host, isRole }: Account): string {
  return isRole ? `role ${user}` : `${user}@${host}`;
}

/**
 * The accounts and their grants as SQL that can be loaded as it is: one statement a line, after a line that says whose they
 * are. Holds hashes of passwords.
 */
export async function accountsText(server: Server, accounts: readonly Account[]): Promise<string> {
  const blocks: string[] = [];
  for (const account of accounts) {
    const { user, host, isRole } = account;
    const quoted = quoteAccount(account);
    const created = isRole ? [] : (await server.query(`SHOW CREATE USER ${quoted}`)).map(([text = '']) => text);
    const grants = (await server.query(`SHOW GRANTS FOR ${quoted}`)).map(([text = '']) => text);
    const head = isRole ? [`CREATE ROLE IF NOT EXISTS ${quoted}`] : created.map(ifNotExists);
    const statements = [...head, ...grants].map((text) => `${text};`);
    if (statements.some((text) => text.includes('\n'))) {
      throw new BackupError(
        'failed',
        `Account ${accountName(account)} has a line break in its name or rights: not saved.`,
      );
    }
    blocks.push(`${HEAD}${JSON.stringify([user, host, isRole])}`, ...statements, '');
  }
  return `-- Accounts and their grants\n\n${blocks.join('\n')}\n${ACCOUNTS_END}\n`;
}

const HEAD = '-- Account ';
/** Last line of a whole file. */
export const ACCOUNTS_END = '-- Accounts completed';

/**
 * Reads what {@link accountsText} has written.
 * @throws BackupError `failed` where it is something else
 */
export function parseAccounts(text: string): readonly SavedAccount[] {
  const damaged = () =>
    new BackupError('failed', `databases/${ACCOUNTS_FILE} is not as it was saved: the copy is damaged.`);
  if (!text.endsWith(`\n${ACCOUNTS_END}\n`)) throw damaged();
  const accounts: (Account & { statements: string[] })[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith(HEAD)) accounts.push({ ...headOf(line.slice(HEAD.length), damaged), statements: [] });
    else if (line === '' || line.startsWith('--')) continue;
    else {
      const account = accounts.at(-1);
      if (account === undefined || !belongsTo(account, line)) throw damaged();
      account.statements.push(line);
    }
  }
  return accounts;
}

/** A statement of another kind, or about somebody else, is not what was saved. */
function belongsTo(account: Account, line: string): boolean {
  const quoted = quoteAccount(account);
  const created = `CREATE ${account.isRole ? 'ROLE' : 'USER'} IF NOT EXISTS `;
  if (line.startsWith(created)) return spelled(line.slice(created.length), quoted);
  return line.startsWith('SET DEFAULT ROLE ') || (line.startsWith('GRANT ') && spelled(line, quoted));
}

/** MySQL quotes accounts in CREATE USER and GRANT as we do; MariaDB did so with `'` before 10.4. */
function spelled(line: string, quoted: string): boolean {
  return line.includes(quoted) || line.includes(quoted.replaceAll('`', "'"));
}

function headOf(text: string, damaged: () => BackupError): Account {
  try {
    const [user, host, isRole] = JSON.parse(text);
    if (typeof user === 'string' && typeof host === 'string' && typeof isRole === 'boolean')
      return { user, host, isRole };
  } catch {
    // Told below.
  }
  throw damaged();
}

function ifNotExists(text: string): string {
  return text.replace(/^CREATE USER (?!IF NOT EXISTS )/, 'CREATE USER IF NOT EXISTS ');
}
