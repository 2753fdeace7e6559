// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ComposeContainer } from '../looks/compose-projects.ts';
import { type Proposal, type ProposedTask, serviceNameOf } from '../proposal.ts';

/** A database in a container, and the service that dumps it. */
export interface DatabaseProposal {
  /** Name of the service in the compose file. */
  readonly service: string;
  readonly proposal: Proposal;
}

/** Names of images, without registry and tag, of which each is a server of one kind. */
const ENGINES: readonly (readonly [RegExp, string])[] = [
  [/^(?:postgres|postgresql|postgis|timescaledb|timescaledb-ha|pgvector|pgvecto-rs)$/, 'postgresql'],
  [/^mariadb$/, 'mariadb'],
  [/^(?:mysql|mysql-server|percona|percona-server)$/, 'mysql'],
  [/^(?:redis|redis-stack-server)$/, 'redis'],
  [/^valkey$/, 'valkey'],
  [/^(?:mongo|mongodb|mongodb-community-server)$/, 'mongodb'],
  [/^influxdb$/, 'influxdb'],
];

/** What to propose for a container whose image is a database server; undefined for all others. Pure. */
export function containerDatabase(project: string, container: ComposeContainer): DatabaseProposal | undefined {
  const { image, service, name } = container;
  const words = image.replace(/@.*$/, '').split('/').at(-1)?.split(':') ?? [];
  const engine = ENGINES.find(([pattern]) => pattern.test(words[0] ?? ''))?.[1];
  // Else it could be no argument of `docker exec`.
  if (engine === undefined || !/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) return undefined;
  const own = `${serviceNameOf(project)}-${serviceNameOf(service)}`.slice(0, 90);
  const { task, decide } = taskFor(engine, container, { own, tag: words[1] ?? '' });
  const proposal: Proposal = {
    type: 'databases',
    name: own,
    why: `container ${name} of the compose project ${project}, image ${image}`,
    saves: 'Saves all databases of the server in this container by a dump; it keeps running.',
    decide: [...decide, 'When the container gets another name, correct `container`.'],
    tasks: [task],
  };
  return { service, proposal };
}

interface Names {
  /** Name of the service that is proposed: files with passwords are named after it. */
  readonly own: string;
  readonly tag: string;
}

function taskFor(
  engine: string,
  { name: container, postgresUser, influxOrg }: ComposeContainer,
  { own, tag }: Names,
): { readonly task: ProposedTask; readonly decide: readonly string[] } {
  const secret = `/etc/backup/secret/${own}`;
  switch (engine) {
    case 'postgresql': {
      const user = postgresUser === undefined || postgresUser === 'postgres' ? {} : { user: postgresUser };
      return { task: { key: engine, options: { database: 'all', container, ...user } }, decide: [ALL_DATABASES] };
    }
    case 'mariadb':
    case 'mysql': {
      const defaults = { defaults_file: `${secret}.cnf` };
      const options = { database: 'all', container, ...defaults };
      const content = 'the three lines `[client]`, `user=root` and `password=...`';
      return { task: { key: engine, options }, decide: [ALL_DATABASES, secretFile(`${secret}.cnf`, content)] };
    }
    case 'mongodb': {
      const hints = [`config_file: ${secret}.yaml`];
      const ask = `Where it asks for a login: ${secretFile(`${secret}.yaml`, 'the line `uri: mongodb://USER:PASSWORD@localhost/?authSource=admin`')}`;
      return { task: { key: engine, options: { container }, hints }, decide: [ask] };
    }
    case 'influxdb':
      return influxTask(container, tag.startsWith('1'), { secret, org: influxOrg });
    default: {
      const hints = [`password_file: ${secret}`];
      const ask = `Where it asks for a password: ${secretFile(secret, 'the password and nothing else')}`;
      const about = 'Where it is a cache only, remove this service.';
      return { task: { key: engine, options: { container }, hints }, decide: [about, ask] };
    }
  }
}

function influxTask(
  container: string,
  isOne: boolean,
  { secret, org = 'REPLACE-BY-YOUR-ORGANISATION' }: { readonly secret: string; readonly org?: string | undefined },
): { readonly task: ProposedTask; readonly decide: readonly string[] } {
  if (isOne) return { task: { key: 'influxdb', options: { version: 1, container } }, decide: [] };
  const token = `${secret}.token`;
  const options = { version: 2, org, token_file: token, container };
  return { task: { key: 'influxdb', options }, decide: [secretFile(token, 'a token that may read all buckets')] };
}

const ALL_DATABASES = 'All databases are saved; for some only, list them: `database: [shop, wiki]`.';

/** How a file with a password is made. */
export function secretFile(file: string, content: string): string {
  return `The password goes into ${file} (root, mode 0600), never into this file: ${content}.`;
}
