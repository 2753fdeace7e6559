// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BackupError } from '@local-backup/common/errors';
import type { RunOptions } from '@local-backup/common/exec';
import type { CopyContext } from '../../plugin-copy.ts';
import { quoteGrantName, quoteName } from './names.ts';
import type { DatabaseOptions } from './options.ts';
import type { DatabaseRecord } from './record.ts';
import { LOAD_ARGS } from './server.ts';

/** A throw-away server that nobody else can reach. */
export interface ScratchServer {
  query(sql: string): Promise<readonly (readonly string[])[]>;
  createDatabase(record: DatabaseRecord): Promise<void>;
  /** Loads an open dump as an account that has rights on the databases made here alone. */
  load(dump: number, database: string): Promise<void>;
}

type Context = Pick<CopyContext<DatabaseOptions>, 'exec' | 'signal' | 'scratch' | 'options'>;

/** On every Unix; owns no files, so that a hostile dump can reach none, least of all those of a real server. */
const NOBODY = 65_534;

const INSTALL_TIMEOUT_MS = 10 * 60_000;
const QUERY_TIMEOUT_MS = 60 * 60_000;
const START_TIMEOUT_MS = 5 * 60_000;
const POLL_MS = 100;
/** Each load has its own, lower limit; this one is for a server that nobody ended. */
const SERVER_TIMEOUT_MS = 7 * 24 * 60 * 60_000;

/**
 * Makes an empty server in the scratch directory, on a socket only, as an unprivileged user, and ends it afterwards in any
 * case.
 * @throws BackupError `failed` where it cannot be started
 */
export async function withScratchServer<Result>(
  context: Context,
  client: string,
  work: (server: ScratchServer) => Promise<Result>,
): Promise<Result> {
  const directory = await makeDirectories(context.scratch);
  const ids = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const as = { ...ids, cwd: directory, env: { HOME: directory, TMPDIR: join(directory, 'tmp') } };
  const data = join(directory, 'data');
  await context.exec(
    'mariadb-install-db',
    [
      '--no-defaults',
      `--datadir=${data}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      '--skip-name-resolve',
    ],
    { ...as, timeoutMs: INSTALL_TIMEOUT_MS, signal: context.signal },
  );
  const accounts = { admin: secretName(), loader: secretName() };
  const initFile = join(directory, 'init.sql');
  await writeFile(initFile, initSql(accounts), { mode: 0o644 });
  const server = scratchServer(context, { client, directory, as, ...accounts });
  const ending = new AbortController();
  const end = () => ending.abort();
  context.signal.addEventListener('abort', end, { once: true });
  const running = context
    .exec('mariadbd', serverArgs(directory, initFile), {
      ...as,
      timeoutMs: SERVER_TIMEOUT_MS,
      // Nothing in it is needed any more.
      killAfterMs: 200,
      signal: ending.signal,
    })
    .then(
      () => new BackupError('failed', 'The throw-away server ended by itself.'),
      (error: unknown) => error,
    );
  try {
    await untilReady(server, running, context.signal);
    return await Promise.race([work(server), failing(running, context.signal)]);
  } finally {
    context.signal.removeEventListener('abort', end);
    end();
    await running;
  }
}

async function makeDirectories(scratch: string): Promise<string> {
  const directory = join(scratch, 'm');
  await mkdir(directory, { mode: 0o700 });
  for (const name of ['data', 'tmp', 'none']) await mkdir(join(directory, name), { mode: 0o700 });
  if (process.getuid?.() !== 0) return directory;
  await chmod(scratch, 0o711);
  for (const name of ['', 'data', 'tmp', 'none']) await chown(join(directory, name), NOBODY, NOBODY);
  for (let path = scratch; path !== '/'; path = dirname(path)) {
    const { mode } = await stat(path);
    if ((mode & 0o001) !== 0) continue;
    const advice = `Allow passing through it (chmod o+x ${path}), or choose another work directory.`;
    throw new BackupError('failed', `The throw-away server runs as nobody, who cannot enter ${path}. ${advice}`);
  }
  return directory;
}

function serverArgs(directory: string, initFile: string): string[] {
  return [
    ...[
      '--no-defaults',
      `--datadir=${join(directory, 'data')}`,
      `--socket=${join(directory, 's')}`,
      '--skip-networking',
    ],
    ...[`--pid-file=${join(directory, 'pid')}`, `--tmpdir=${join(directory, 'tmp')}`, `--init-file=${initFile}`],
    // Nothing outside: no files of the host, no plugins, no tables elsewhere, no events.
    ...[`--secure-file-priv=${join(directory, 'none')}`, `--plugin-dir=${join(directory, 'none')}`, '--local-infile=0'],
    ...['--skip-symbolic-links', '--event-scheduler=OFF', '--skip-log-bin'],
    // It is thrown away: nothing has to survive a crash.
    ...['--innodb-flush-log-at-trx-commit=0', '--skip-innodb-doublewrite', '--innodb-fast-shutdown=2'],
    ...['--innodb-buffer-pool-size=128M', '--max-allowed-packet=1G', '--net-read-timeout=3600'],
  ];
}

/** Names that nobody can guess are the passwords here: there is no other account, and a dump cannot read them. */
function secretName(): string {
  return `u${randomBytes(12).toString('hex')}`;
}

function initSql({ admin, loader }: { readonly admin: string; readonly loader: string }): string {
  return [
    `CREATE USER ${admin}@localhost;`,
    `GRANT ALL ON *.* TO ${admin}@localhost WITH GRANT OPTION;`,
    `CREATE USER ${loader}@localhost;`,
    // Routines keep their DEFINER. Such an account does not exist here, so that it lends no rights.
    `GRANT SET USER ON *.* TO ${loader}@localhost;`,
    "DROP USER IF EXISTS root@localhost, root@'127.0.0.1', root@'::1', 'mariadb.sys'@localhost, mysql@localhost, ''@localhost;",
    '',
  ].join('\n');
}

interface Place {
  readonly client: string;
  readonly directory: string;
  readonly as: Pick<RunOptions, 'uid' | 'gid' | 'cwd' | 'env'>;
  readonly admin: string;
  readonly loader: string;
}

function scratchServer({ exec, signal, options }: Context, place: Place): ScratchServer {
  const login = (user: string) => ['--no-defaults', `--socket=${join(place.directory, 's')}`, `--user=${user}`];
  const query = async (sql: string) => {
    const rows: string[][] = [];
    const args = [
      ...login(place.admin),
      '--batch',
      '--skip-column-names',
      '--default-character-set=utf8mb4',
      `--execute=${sql}`,
    ];
    const onLine = (line: string) => rows.push(line.split('\t'));
    await exec(place.client, args, { ...place.as, timeoutMs: QUERY_TIMEOUT_MS, signal, onLine });
    return rows;
  };
  return {
    query,
    createDatabase: async ({ database, characterSet, collation }) => {
      await query(
        `CREATE DATABASE ${quoteName(database)} CHARACTER SET ${characterSet} COLLATE ${collation}; ` +
          `GRANT ALL ON ${quoteGrantName(database)}.* TO ${place.loader}@localhost`,
      );
    },
    load: async (dump, database) => {
      const args = [...login(place.loader), ...LOAD_ARGS, `--database=${database}`];
      await exec(place.client, args, { ...place.as, stdin: dump, timeoutMs: options.timeout, signal });
    },
  };
}

async function untilReady(server: ScratchServer, running: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const ended = running.then((error) => ({ error }));
  for (let waited = 0; waited < START_TIMEOUT_MS; waited += POLL_MS) {
    signal.throwIfAborted();
    const tried = await Promise.race([ended, server.query('SELECT 1').then(undefined, () => undefined)]);
    if (Array.isArray(tried)) return;
    if (tried !== undefined && 'error' in tried) throw startFailure(tried.error);
    await delay(POLL_MS);
  }
  throw new BackupError('failed', 'The throw-away server did not answer in time.');
}

/** Never resolves: rejects when the server ends before its time. */
async function failing(running: Promise<unknown>, signal: AbortSignal): Promise<never> {
  const error = await running;
  signal.throwIfAborted();
  throw startFailure(error);
}

function startFailure(error: unknown): unknown {
  if (!(error instanceof BackupError)) return error;
  return new BackupError('failed', `The throw-away MariaDB server failed: ${error.message}`, { cause: error });
}
