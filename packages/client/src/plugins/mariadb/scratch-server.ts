// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CopyContext } from '../../plugin-copy.ts';
import { quoteGrantName, quoteName } from './names.ts';
import type { DatabaseOptions } from './options.ts';
import type { DatabaseRecord } from './record.ts';
import { LOAD_ARGS } from './server.ts';
import {
  commonArgs,
  MARIADB_ARGS,
  makePlace,
  type Place,
  type Query,
  queryWith,
  scratchLogin,
  withRunning,
} from './throw-away.ts';

/** A throw-away server that nobody else can reach. */
export interface ScratchServer {
  readonly query: Query;
  createDatabase(record: DatabaseRecord): Promise<void>;
  /** Loads an open dump as an account that has rights on the databases made here alone. */
  load(dump: number, database: string): Promise<void>;
}

/** Programs of a throw-away server. */
export interface ScratchPrograms {
  readonly kind: 'mariadb' | 'mysql';
  readonly client: string;
}

type Context = Pick<CopyContext<DatabaseOptions>, 'exec' | 'signal' | 'scratch' | 'options'>;

const INSTALL_TIMEOUT_MS = 10 * 60_000;

/**
 * Makes an empty server in the scratch directory, on a socket only, as an unprivileged user, and ends it afterwards in any
 * case.
 * @throws BackupError `failed` where it cannot be started
 */
export async function withScratchServer<Result>(
  context: Context,
  { kind, client }: ScratchPrograms,
  work: (server: ScratchServer) => Promise<Result>,
): Promise<Result> {
  const place = await makePlace(context.scratch, kind === 'mariadb' ? 'm' : 'y');
  const [installer, installArgs] = INSTALL[kind](join(place.directory, 'data'));
  await context.exec(installer, installArgs, { ...place.as, timeoutMs: INSTALL_TIMEOUT_MS, signal: context.signal });
  const accounts = { admin: secretName(), loader: secretName() };
  const initFile = join(place.directory, 'init.sql');
  await writeFile(initFile, INIT_SQL[kind](accounts), { mode: 0o644 });
  const query = queryWith(client, accounts.admin, { ...context, place });
  const [program, more] = SERVER[kind];
  const args = [...commonArgs(place.directory), `--init-file=${initFile}`, ...more];
  const server = scratchServer(context, { client, place, query, loader: accounts.loader });
  return withRunning({ program, args, query }, { ...context, place }, () => work(server));
}

/** The program that makes a data directory, and its arguments. */
const INSTALL: Readonly<Record<ScratchPrograms['kind'], (data: string) => readonly [string, readonly string[]]>> = {
  mariadb: (data) => [
    'mariadb-install-db',
    [
      ...['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal'],
      ...['--skip-test-db', '--skip-name-resolve'],
    ],
  ],
  mysql: (data) => ['mysqld', ['--no-defaults', `--datadir=${data}`, '--initialize-insecure']],
};

const SERVER: Readonly<Record<ScratchPrograms['kind'], readonly [string, readonly string[]]>> = {
  mariadb: ['mariadbd', MARIADB_ARGS],
  // The X protocol has a port and a socket of its own.
  mysql: ['mysqld', ['--loose-mysqlx=OFF']],
};

/** Names that nobody can guess are the passwords here: there is no other account, and a dump cannot read them. */
function secretName(): string {
  return `u${randomBytes(12).toString('hex')}`;
}

interface Accounts {
  readonly admin: string;
  readonly loader: string;
}

function createSql({ admin, loader }: Accounts): string[] {
  return [
    `CREATE USER ${admin}@localhost;`,
    `GRANT ALL ON *.* TO ${admin}@localhost WITH GRANT OPTION;`,
    `CREATE USER ${loader}@localhost;`,
  ];
}

const INIT_SQL: Readonly<Record<ScratchPrograms['kind'], (accounts: Accounts) => string>> = {
  mariadb: (accounts) =>
    [
      ...createSql(accounts),
      // Routines keep their DEFINER. Such an account does not exist here, so that it lends no rights.
      `GRANT SET USER ON *.* TO ${accounts.loader}@localhost;`,
      "DROP USER IF EXISTS root@localhost, root@'127.0.0.1', root@'::1', 'mariadb.sys'@localhost, mysql@localhost, ''@localhost;",
      '',
    ].join('\n'),
  mysql: (accounts) =>
    [
      ...createSql(accounts),
      // One of them by version (8.0, 8.4); comments of another version are passed over. MySQL 5.7 wants SUPER for that.
      `/*!80400 GRANT SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER ON *.* TO ${accounts.loader}@localhost */;`,
      `SET @sql = IF(VERSION() LIKE '8.0.%', 'GRANT SET_USER_ID ON *.* TO ${accounts.loader}@localhost', 'DO 0');`,
      'PREPARE statement FROM @sql;',
      'EXECUTE statement;',
      'DROP USER IF EXISTS root@localhost;',
      '',
    ].join('\n'),
};

interface Parts {
  readonly client: string;
  readonly place: Place;
  readonly query: Query;
  readonly loader: string;
}

function scratchServer({ exec, signal, options }: Context, { client, place, query, loader }: Parts): ScratchServer {
  return {
    query,
    createDatabase: async ({ database, characterSet, collation }) => {
      await query(
        `CREATE DATABASE ${quoteName(database)} CHARACTER SET ${characterSet} COLLATE ${collation}; ` +
          `GRANT ALL ON ${quoteGrantName(database)}.* TO ${loader}@localhost`,
      );
    },
    load: async (dump, database) => {
      const args = [...scratchLogin(place, loader), ...LOAD_ARGS, `--database=${database}`];
      await exec(client, args, { ...place.as, stdin: dump, timeoutMs: options.timeout, signal });
    },
  };
}
