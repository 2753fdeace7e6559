// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A PostgreSQL server of the test's own. */
export interface PostgresServer {
  /** Directory of its socket, which lets everybody in as any role but `postgres`; that one has to be the account. */
  readonly socket: string;
  /** On 127.0.0.1, where passwords are needed. */
  readonly port: number;
  /** Its pg_dump, without Debian's wrapper, which takes most of a test's time. */
  readonly tools: { readonly pg_dump_cmd: string };
  /** Carries out statements as the superuser; the bare values of the answer. */
  readonly sql: (database: string, ...statements: readonly string[]) => string;
  /** Leaves of the cluster only the databases that it began with. */
  readonly reset: () => void;
  readonly stop: () => Promise<void>;
}

/** The account of Debian's package: a server refuses to run as root. */
function account(): { readonly uid: number; readonly gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** Where the programs of the newest version are that is installed. */
export function postgresPrograms(): string {
  const versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(a) - Number(b));
  return `/usr/lib/postgresql/${versions.at(-1)}/bin`;
}

const START_LIMIT_MS = 60_000;

/** Starts a server in a temporary directory. */
export async function startPostgres(): Promise<PostgresServer> {
  const who = account();
  const socket = mkdtempSync(join(tmpdir(), 'pg-'));
  chmodSync(socket, 0o755);
  chownSync(socket, who.uid, who.gid);
  const run = { ...who, cwd: '/', env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', HOME: socket } };
  const data = join(socket, 'data');
  const programs = postgresPrograms();
  execFileSync(join(programs, 'initdb'), ['-D', data, '-U', 'postgres', '--no-sync', '-A', 'trust'], {
    ...run,
    stdio: 'ignore',
  });
  const rules = ['local all postgres peer', 'local all all trust', 'host all all 127.0.0.1/32 scram-sha-256'];
  writeFileSync(join(data, 'pg_hba.conf'), `${rules.join('\n')}\n`);
  const port = await freePort();
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    `unix_socket_directories=${socket}`,
    'fsync=off',
    'max_prepared_transactions=2',
  ];
  const server = spawn(join(programs, 'postgres'), ['-D', data, ...settings.flatMap((text) => ['-c', text])], {
    ...run,
    stdio: 'ignore',
  });
  const sql = asSuperuser(join(programs, 'psql'), ['-h', socket, '-p', String(port)], run);
  await ready(() => sql('postgres', 'select 1'));
  const began = names(sql);
  return {
    socket,
    port,
    tools: { pg_dump_cmd: join(programs, 'pg_dump') },
    sql,
    reset: () => reset(sql, began),
    stop: async () => {
      await ended(server);
      rmSync(socket, { recursive: true, force: true });
    },
  };
}

function asSuperuser(psql: string, login: readonly string[], run: object): PostgresServer['sql'] {
  const mostBytes = 64 * 1024 * 1024;
  const fixed = ['-XqAtw', '-v', 'ON_ERROR_STOP=1', ...login];
  return (database, ...statements) => {
    const args = [...fixed, '-d', `dbname='${database.replace(/['\\]/g, '\\$&')}'`, '-f', '-'];
    const input = statements.join(';\n');
    const options = { ...run, input, encoding: 'utf8', stdio: 'pipe', maxBuffer: mostBytes } as const;
    const { status, stdout, stderr, error } = spawnSync(psql, args, options);
    if (status === 0) return stdout.trimEnd();
    // One that cannot connect ends before it has read all: what it says counts, not that it was not listening.
    throw new Error(stderr === '' ? `psql: ${error?.message ?? status}` : stderr);
  };
}

async function ready(ask: () => unknown): Promise<void> {
  const until = Date.now() + START_LIMIT_MS;
  for (;;) {
    try {
      ask();
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

interface Names {
  readonly databases: readonly string[];
  readonly roles: readonly string[];
}

function names(sql: PostgresServer['sql']): Names {
  const answer = sql(
    'postgres',
    "select json_build_object('databases', (select json_agg(datname) from pg_database), 'roles', (select json_agg(rolname) from pg_roles))",
  );
  return JSON.parse(answer) as Names;
}

function reset(sql: PostgresServer['sql'], began: Names): void {
  const now = names(sql);
  const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;
  const databases = now.databases.filter((name) => !began.databases.includes(name));
  const roles = now.roles.filter((role) => !began.roles.includes(role));
  sql(
    'postgres',
    'select 1',
    ...databases.flatMap((name) => [
      `alter database ${quote(name)} is_template false`,
      `drop database ${quote(name)} with (force)`,
    ]),
    ...roles.map((name) => `drop role ${quote(name)}`),
  );
}

/** Fast shutdown: connected sessions are not waited for. */
async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exit = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGINT');
  await exit;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
