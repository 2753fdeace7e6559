// SPDX-License-Identifier: AGPL-3.0-or-later
import { MYSQL_SOCKET, type RedisServer, type ServerFacts } from '../looks/servers.ts';
import { type Proposal, serviceNameOf } from '../proposal.ts';
import { secretFile } from './container-database.ts';

const ALL = 'All databases are saved; for some only, list them: `database: [shop, wiki]`.';

/** A service for each database server that runs on the host itself. Pure. */
export function proposeServers({ postgres, mysql, redis, slapd, influx, mongodb }: ServerFacts): readonly Proposal[] {
  return [
    ...proposePostgres(postgres),
    ...(mysql?.isOnline ? [proposeMysql(mysql)] : []),
    ...redis.filter(({ isOnline }) => isOnline).map(proposeRedis),
    ...(slapd === undefined ? [] : [proposeSlapd(slapd)]),
    ...(influx?.isOnline ? [proposeInflux(influx)] : []),
    ...(mongodb?.isOnline ? [proposeMongodb(mongodb)] : []),
  ];
}

/** What is said of servers that do not run: nobody can ask them for their data. Pure. */
export function serverNotes({ postgres, mysql, redis, influx, mongodb }: ServerFacts): readonly string[] {
  const stopped = [
    ...postgres.filter(({ isOnline }) => !isOnline).map(({ name }) => `Cluster ${name} of PostgreSQL`),
    ...(mysql?.isOnline === false ? [`${TITLES[mysql.flavour]} (/var/lib/mysql)`] : []),
    ...redis.filter(({ isOnline }) => !isOnline).map(({ flavour, file }) => `${TITLES[flavour]} (${file})`),
    ...(influx?.isOnline === false ? [`InfluxDB ${influx.version} (${influx.evidence})`] : []),
    ...(mongodb?.isOnline === false ? [`MongoDB (${mongodb.evidence})`] : []),
  ];
  return stopped.map((what) => `${what} is not proposed: it does not run. Start it, or remove it.`);
}

const TITLES = { mariadb: 'MariaDB', mysql: 'MySQL', redis: 'Redis', valkey: 'Valkey' };

function proposePostgres(clusters: ServerFacts['postgres']): readonly Proposal[] {
  const online = clusters.filter(({ isOnline }) => isOnline);
  return online.map(({ name, port }) => ({
    type: 'databases',
    name: serviceNameOf(online.length === 1 ? 'postgresql' : `postgresql-${name ?? port}`),
    why:
      name === undefined ? `a socket of PostgreSQL, port ${port}` : `cluster ${name} of PostgreSQL runs, port ${port}`,
    saves: 'Saves all databases as plain SQL, with the roles and their passwords. Nothing is stopped.',
    decide: [
      ALL,
      'Programs run as the account `postgres` over the socket, so no password is needed. For another server: `host`, ' +
        '`user`, and the password in /root/.pgpass (mode 0600), never in this file.',
    ],
    tasks: [
      {
        key: 'postgresql',
        options: { database: 'all', ...(port === 5432 ? {} : { port }) },
        hints: ['format: directory  # several tables at once; for large databases'],
      },
    ],
  }));
}

function proposeMysql({ flavour }: NonNullable<ServerFacts['mysql']>): Proposal {
  return {
    type: 'databases',
    name: flavour,
    why: `${TITLES[flavour]} runs: ${MYSQL_SOCKET}`,
    saves:
      'Saves all databases as SQL, each in one transaction, and the accounts with their grants. Nothing is stopped.',
    decide: [
      ALL,
      'Root logs in over the socket, as on Debian. Where it needs a password: /root/.my.cnf (root, mode 0600) with ' +
        '`[client]`, `user=root` and `password=...`, never this file.',
      'Tables without transactions (MyISAM) need `lock_tables: true` to be consistent.',
    ],
    tasks: [{ key: flavour, options: { database: 'all' } }],
  };
}

function proposeRedis({ flavour, file, port, socket, hasPassword }: RedisServer): Proposal {
  const base =
    file
      .split('/')
      .at(-1)
      ?.replace(/\.conf$/, '') ?? flavour;
  const secret = `/etc/backup/secret/${serviceNameOf(base)}`;
  const where = port === 0 ? { socket } : { port };
  const options = { ...where, ...(hasPassword ? { password_file: secret } : {}) };
  return {
    type: 'databases',
    name: serviceNameOf(base),
    why: `${TITLES[flavour]}: ${file}`,
    saves: 'Saves all data as an RDB file, which the server sends as it does to a replica. Nothing is stopped.',
    decide: [
      'Where it is a cache only, remove this service.',
      ...(hasPassword ? [secretFile(secret, 'the password and nothing else')] : []),
    ],
    tasks: [{ key: flavour, options, hints: hasPassword ? [] : [`password_file: ${secret}`] }],
  };
}

function proposeSlapd(directory: string): Proposal {
  return {
    type: 'databases',
    name: 'ldap',
    why: `slapd: ${directory}`,
    saves: 'Saves configuration and data of slapd as LDIF (slapcat). Nothing is stopped, and no password is needed.',
    decide: [],
    tasks: [{ key: 'ldap', options: { config_dir: directory }, hints: ['suffixes: [dc=example,dc=org]'] }],
  };
}

function proposeInflux({ version, evidence }: NonNullable<ServerFacts['influx']>): Proposal {
  const token = '/etc/backup/secret/influxdb.token';
  const two = { version: 2, org: 'REPLACE-BY-YOUR-ORGANISATION', token_file: token };
  return {
    type: 'databases',
    name: 'influxdb',
    why: `InfluxDB ${version}: ${evidence}`,
    saves: 'Saves all databases by the backup interface of InfluxDB. Nothing is stopped.',
    decide:
      version === 1 ? [] : ['Write your organisation into `org`.', secretFile(token, 'a token that may read all')],
    tasks: [{ key: 'influxdb', options: version === 1 ? { version: 1 } : two }],
  };
}

function proposeMongodb({ evidence, port }: NonNullable<ServerFacts['mongodb']>): Proposal {
  const secret = '/etc/backup/secret/mongodb.yaml';
  const line = 'the line `uri: mongodb://USER:PASSWORD@localhost/?authSource=admin`';
  return {
    type: 'databases',
    name: 'mongodb',
    why: `MongoDB: ${evidence}`,
    saves: 'Saves all databases by mongodump. Nothing is stopped.',
    decide: [`Where it asks for a login: ${secretFile(secret, line)}`],
    tasks: [{ key: 'mongodb', options: { port }, hints: [`config_file: ${secret}`] }],
  };
}
