// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostView } from '../host-view.ts';

/** A PostgreSQL cluster of this host. */
export interface PostgresCluster {
  /** `15/main`, or undefined where only its socket was found. */
  readonly name: string | undefined;
  readonly port: number;
  readonly isOnline: boolean;
}

/** A Redis or Valkey of this host, by its configuration file. */
export interface RedisServer {
  readonly flavour: 'redis' | 'valkey';
  readonly file: string;
  readonly port: number;
  readonly socket: string | undefined;
  /** Whether its configuration names a password; which, nobody reads. */
  readonly hasPassword: boolean;
  readonly isOnline: boolean;
}

/** Database servers that run on the host itself. */
export interface ServerFacts {
  readonly postgres: readonly PostgresCluster[];
  readonly mysql: { readonly flavour: 'mariadb' | 'mysql'; readonly isOnline: boolean } | undefined;
  readonly redis: readonly RedisServer[];
  /** Directory of the configuration of slapd. */
  readonly slapd: string | undefined;
  readonly influx: { readonly version: 1 | 2; readonly evidence: string; readonly isOnline: boolean } | undefined;
  readonly mongodb: { readonly evidence: string; readonly port: number; readonly isOnline: boolean } | undefined;
}

/** `pg_lsclusters` reads files and looks for processes, in milliseconds. */
const LIST_TIMEOUT_MS = 10_000;

/** Clusters as Debian's tools know them; elsewhere the sockets. */
export async function lookForPostgres(view: HostView): Promise<readonly PostgresCluster[]> {
  if ((await view.findProgram('pg_lsclusters')) !== undefined) {
    const { stdout } = await view.exec('pg_lsclusters', ['--no-header'], { timeoutMs: LIST_TIMEOUT_MS });
    return parseClusters(stdout);
  }
  const names = (await view.list('/run/postgresql')).map(({ name }) => /^\.s\.PGSQL\.(\d{1,5})$/.exec(name)?.[1]);
  const ports = names.flatMap((port) => (port === undefined ? [] : [Number(port)]));
  return ports.map((port) => ({ name: undefined, port, isOnline: true }));
}

/** Version, cluster, port, status, owner, data directory, log file: separated by blanks. Pure. */
export function parseClusters(text: string): readonly PostgresCluster[] {
  return text.split('\n').flatMap((line) => {
    const [version, name, port = '', status = ''] = line.trim().split(/\s+/);
    if (name === undefined || !/^\d{1,5}$/.test(port)) return [];
    return [{ name: `${version}/${name}`, port: Number(port), isOnline: status.startsWith('online') }];
  });
}

/** Where Debian has it. */
export const MYSQL_SOCKET = '/run/mysqld/mysqld.sock';

export async function lookForMysql(view: HostView): Promise<ServerFacts['mysql']> {
  const isOnline = await view.isSocket(MYSQL_SOCKET);
  const data = '/var/lib/mysql/mysql';
  if (!isOnline && !(await view.isDirectory(data))) return undefined;
  const isMariadb = (await isAny(view, ['/usr/sbin/mariadbd', '/usr/bin/mariadb'])) !== undefined;
  const flavour = isMariadb ? 'mariadb' : 'mysql';
  return { flavour, isOnline };
}

export async function lookForRedis(view: HostView): Promise<readonly RedisServer[]> {
  const servers: RedisServer[] = [];
  for (const flavour of ['redis', 'valkey'] as const) {
    const programs = ['/usr/bin', '/usr/local/bin'].map((directory) => `${directory}/${flavour}-server`);
    if ((await isAny(view, programs)) === undefined) continue;
    for (const { name } of await view.list(`/etc/${flavour}`)) {
      // Those of Sentinel, which holds no data, begin otherwise.
      if (!/^(?:redis|valkey)[\w.-]*\.conf$/.test(name)) continue;
      servers.push(await redisServer(view, flavour, `/etc/${flavour}/${name}`));
    }
  }
  return servers;
}

async function redisServer(view: HostView, flavour: RedisServer['flavour'], file: string): Promise<RedisServer> {
  const config = parseRedisConfig((await view.read(file)) ?? '');
  const { port, socket } = config;
  const isOnline = port > 0 ? await isListening(view, [port]) : socket !== undefined && (await view.isSocket(socket));
  return { flavour, file, ...config, isOnline };
}

/** What is needed to reach it. Pure. */
export function parseRedisConfig(text: string): Pick<RedisServer, 'port' | 'socket' | 'hasPassword'> {
  const value = (key: string) => new RegExp(`^\\s*${key}\\s+"?([^\\s"]+)"?\\s*$`, 'mi').exec(text)?.[1];
  const port = Number(value('port') ?? 6379);
  const socket = value('unixsocket');
  const isPort = Number.isInteger(port) && port >= 0 && port <= 65_535;
  const hasPassword = /^\s*requirepass\s+\S/im.test(text);
  return { port: isPort ? port : 6379, socket: socket?.startsWith('/') ? socket : undefined, hasPassword };
}

export async function lookForSlapd(view: HostView): Promise<string | undefined> {
  const directory = '/etc/ldap/slapd.d';
  return (await view.isDirectory(`${directory}/cn=config`)) ? directory : undefined;
}

export async function lookForInflux(view: HostView): Promise<ServerFacts['influx']> {
  const two = await isAny(view, ['/var/lib/influxdb/influxd.bolt', '/var/lib/influxdb2/influxd.bolt']);
  if (two !== undefined) return { version: 2, evidence: two, isOnline: await isListening(view, [8086]) };
  const one = await isAny(view, ['/var/lib/influxdb/meta/meta.db', '/etc/influxdb/influxdb.conf']);
  if (one === undefined) return undefined;
  return { version: 1, evidence: one, isOnline: await isListening(view, [8086, 8088]) };
}

export async function lookForMongodb(view: HostView): Promise<ServerFacts['mongodb']> {
  const evidence = await isAny(view, ['/etc/mongod.conf', '/etc/mongodb.conf', '/var/lib/mongodb/WiredTiger']);
  if (evidence === undefined) return undefined;
  const text = evidence.endsWith('.conf') ? ((await view.read(evidence)) ?? '') : '';
  const named = Number(/^\s*port\s*[:=]\s*(\d{1,5})\s*$/m.exec(text)?.[1] ?? 27_017);
  const port = named < 1 || named > 65_535 ? 27_017 : named;
  return { evidence, port, isOnline: await isListening(view, [port]) };
}

/** Whether anybody listens on one of the ports; true where that cannot be seen. */
async function isListening(view: HostView, ports: readonly number[]): Promise<boolean> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((file) => view.read(file, SOCKETS_BYTES)));
  const known = tables.filter((table) => table !== undefined);
  return known.length === 0 || known.some((table) => ports.some((port) => listensIn(table, port)));
}

/** Of a table of sockets, in bytes: 150 for each of them. */
const SOCKETS_BYTES = 4 * 1024 * 1024;

/** In /proc/net/tcp: `0: 0100007F:18EB 00000000:0000 0A`, 0A being a socket that listens (proc(5)). Pure. */
export function listensIn(table: string, port: number): boolean {
  const hexadecimal = port.toString(16).toUpperCase().padStart(4, '0');
  return new RegExp(`^\\s*\\d+: [0-9A-F]+:${hexadecimal} [0-9A-F]+:[0-9A-F]{4} 0A `, 'm').test(table);
}

/** The first of the files that is there. */
async function isAny(view: HostView, files: readonly string[]): Promise<string | undefined> {
  for (const file of files) if (await view.isFile(file)) return file;
  return undefined;
}
