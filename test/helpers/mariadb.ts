// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fastDirectory } from './fast-directory.ts';

/** A real MariaDB server of a test file, on a socket in a temporary directory. */
export interface TestMariadb {
  readonly directory: string;
  readonly socket: string;
  /** Options of every physical task; without them it would be about this machine's own server. */
  readonly own?: { readonly datadir: string; readonly unit: string };
  /** Runs statements as root; what they print. */
  sql(statements: string, database?: string): string;
  /** All that is in a database, as text. */
  dump(database: string): string;
  stop(): Promise<void>;
}

const START_LIMIT_MS = 60_000;

/** The default takes 100 MB of log and 128 MB of memory. */
export const SMALL = ['--innodb-log-file-size=8M', '--innodb-buffer-pool-size=24M', '--aria-log-file-size=8M'];

export const INSTALL = [
  ...[
    '--auth-root-authentication-method=socket',
    '--auth-root-socket-user=root',
    '--skip-test-db',
    '--skip-name-resolve',
  ],
  ...SMALL,
];

/** Starts a server as user `mysql`; root logs in by the socket, as on Debian. */
export async function startMariadb(): Promise<TestMariadb> {
  const directory = fastDirectory('mdb-');
  chmodSync(directory, 0o755);
  const data = join(directory, 'data');
  mkdirSync(data);
  execFileSync('chown', ['mysql:mysql', data]);
  const account = { uid: idOf('-u'), gid: idOf('-g') };
  const socket = join(data, 's');
  execFileSync('mariadb-install-db', ['--no-defaults', `--datadir=${data}`, ...INSTALL], { ...account, cwd: data });
  const server = spawn(
    'mariadbd',
    [
      ...['--no-defaults', `--datadir=${data}`, `--socket=${socket}`, '--skip-networking', '--event-scheduler=OFF'],
      ...[`--pid-file=${join(data, 'pid')}`, '--innodb-flush-log-at-trx-commit=0', '--innodb-fast-shutdown=2'],
      ...SMALL,
    ],
    { ...account, cwd: data, stdio: 'ignore' },
  );
  const client = clientOf(socket);
  await untilReady(() => client.sql('SELECT 1'), server);
  return {
    directory,
    socket,
    ...client,
    stop: async () => {
      if (server.exitCode === null && server.signalCode === null) {
        server.kill('SIGTERM');
        await once(server, 'exit');
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What asks a server as root. */
export function clientOf(socket: string): Pick<TestMariadb, 'sql' | 'dump'> {
  const run = (program: string, args: readonly string[], input = '') =>
    execFileSync(program, ['--no-defaults', `--socket=${socket}`, '--default-character-set=utf8mb4', ...args], {
      input,
      encoding: 'utf8',
      timeout: START_LIMIT_MS,
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  const sql = (statements: string, database?: string) =>
    run(
      'mariadb',
      ['--batch', '--skip-column-names', ...(database === undefined ? [] : [`--database=${database}`])],
      statements,
    );
  return {
    sql,
    dump: (database) =>
      run('mariadb-dump', [
        '--single-transaction',
        '--routines',
        '--events',
        '--hex-blob',
        '--skip-dump-date',
        '--order-by-primary',
        '--',
        database,
      ]),
  };
}

async function untilReady(ask: () => unknown, server: ChildProcess): Promise<void> {
  const end = Date.now() + START_LIMIT_MS;
  for (;;) {
    try {
      ask();
      return;
    } catch (error) {
      if (Date.now() > end || server.exitCode !== null) throw error;
      await delay(50);
    }
  }
}

export function idOf(option: '-u' | '-g'): number {
  return Number(execFileSync('id', [option, 'mysql'], { encoding: 'utf8' }));
}
