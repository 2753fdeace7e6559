// SPDX-License-Identifier: AGPL-3.0-or-later
import { isIP } from 'node:net';
import { readSecretFile } from '@local-backup/common/config/file';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { PluginContext } from '../../plugin.ts';
import { containerEngine } from '../../plugin-tools/container.ts';
import { Connection } from './connection.ts';
import type { Place } from './dial.ts';
import type { Flavoured, RedisOptions } from './options.ts';
import { secureWith } from './tls.ts';

/** What is needed to reach the server that a task names. */
export type ServerContext = Flavoured<Pick<PluginContext<RedisOptions>, 'options' | 'exec' | 'tools' | 'signal'>>;

const INSPECT_TIMEOUT_MS = 30_000;

/**
 * Where the server is, and the password.
 * @throws BackupError `config` about the files with the password and of `tls`, `failed` where a container is not there
 */
export async function placeOf(context: ServerContext): Promise<Place> {
  const { options, flavour } = context;
  const { socket, container, user, password_file } = options;
  const password = password_file === undefined ? undefined : await readSecretFile(password_file);
  const login = { user, password, timeoutMs: options.timeout };
  if (socket !== undefined) {
    return { title: `the ${flavour.title} server at ${socket}`, address: { path: socket }, ...login };
  }
  const host = container === undefined ? options.host : await containerAddress(container, context);
  const where = container === undefined ? `at ${host}:${options.port}` : `in container ${container} (${host})`;
  const tls = options.tls === undefined ? undefined : await secureWith(options.tls);
  return { title: `the ${flavour.title} server ${where}`, address: { host, port: options.port }, ...login, tls };
}

/** Connects to the server of the task, and closes the connection at the end. */
export async function withServer<Result>(
  context: ServerContext,
  work: (server: Connection) => Promise<Result>,
): Promise<Result> {
  const server = await Connection.open(await placeOf(context), context.signal);
  try {
    return await work(server);
  } finally {
    server.close();
  }
}

/** The first program of a list that is there. */
export async function firstProgram(names: readonly string[]): Promise<string | undefined> {
  for (const name of names) if ((await findProgram(name)) !== undefined) return name;
  return undefined;
}

/** The container's own address: its ports need not be published. */
async function containerAddress(container: string, { exec, tools, signal }: ServerContext): Promise<string> {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}';
  const args = ['inspect', '--type', 'container', '--format', format, container];
  const { stdout } = await exec(containerEngine(tools), args, { timeoutMs: INSPECT_TIMEOUT_MS, signal });
  const address = stdout.split(/\s+/).find((word) => isIP(word) !== 0);
  if (address !== undefined) return address;
  throw new BackupError(
    'failed',
    `Container ${container} has no address of its own: it is not running, or on the network of the host. ` +
      'Start it, or leave out `container` and name `host` and `port`.',
  );
}

/** `INFO`, as pairs of names and values. */
export async function infoOf(server: Connection): Promise<ReadonlyMap<string, string>> {
  const lines = (await server.text('INFO', 'all')).split('\r\n');
  return new Map(
    lines
      .filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}

/** Keys of every database that has any, by its number. */
export function keyspaceOf(info: ReadonlyMap<string, string>): ReadonlyMap<number, number> {
  const databases = [...info].flatMap(([name, value]): [number, number][] => {
    const number = /^db(\d+)$/.exec(name)?.[1];
    const keys = /^keys=(\d+)/.exec(value)?.[1];
    return number === undefined || keys === undefined ? [] : [[Number(number), Number(keys)]];
  });
  return new Map(databases.sort(([a], [b]) => a - b));
}

/** Redis or Valkey, with its version, as the server tells it. */
export function versionOf(info: ReadonlyMap<string, string>): string {
  return info.get('valkey_version') ?? info.get('redis_version') ?? 'unknown';
}
