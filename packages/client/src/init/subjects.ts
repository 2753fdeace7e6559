// SPDX-License-Identifier: AGPL-3.0-or-later
import { pathMatcher } from '../path-pattern.ts';

/*
 * What a task saves, as words that can be compared: `path:/etc`, `postgresql:local:5432`. A task of the host and one that
 * is proposed with the same word save the same thing.
 */

type Block = Readonly<Record<string, unknown>>;

/** Whatever may stand in a service.yaml, right or wrong. Pure. */
export function subjectsOf(key: string, options: unknown): readonly string[] {
  const block = typeof options === 'object' && options !== null ? (options as Block) : {};
  return SUBJECTS[key]?.(block) ?? [];
}

/** True where what is saved already includes the subject. */
export function covers(saved: string, subject: string): boolean {
  if (saved === subject) return true;
  const [savedPath, path] = [afterPrefix(saved, 'path:'), afterPrefix(subject, 'path:')];
  if (savedPath !== undefined && path !== undefined) return path.startsWith(savedPath === '/' ? '/' : `${savedPath}/`);
  const [pattern, database] = [afterPrefix(saved, 'sqlite:'), afterPrefix(subject, 'sqlite:')];
  return pattern !== undefined && database !== undefined && pathMatcher(pattern)(database);
}

const SUBJECTS: Readonly<Record<string, (block: Block) => readonly string[]>> = {
  files: ({ paths }) => textsIn(paths, 'path').map((path) => `path:${withoutSlash(path)}`),
  sqlite: ({ paths }) => textsIn(paths).map((path) => `sqlite:${path}`),
  docker: ({ compose_file, docker_compose_path }) =>
    textsIn(compose_file ?? docker_compose_path)
      .slice(0, 1)
      .map((file) => `compose:${file}`),
  systemd: ({ units }) => textsIn(units).map((unit) => `unit:${unit}`),
  postgresql: (block) => [server('postgresql', block, 5432)],
  mariadb: (block) => [server('mysql', block, 3306)],
  mysql: (block) => [server('mysql', block, 3306)],
  redis: (block) => [server('redis', block, 6379)],
  valkey: (block) => [server('redis', block, 6379)],
  mongodb: (block) => [server('mongodb', block, 27_017)],
  influxdb: ({ container }) => [server('influxdb', { container }, 8086)],
  ldap: ({ config_dir }) => [`ldap:${textOr(config_dir, '/etc/ldap/slapd.d')}`],
  system: () => ['system'],
  univention: () => ['univention'],
  module: ({ directory }) => [`module:${textOr(directory, '/root/scripts/backup-modules')}`],
  run_parts: ({ directory }) => [`run_parts:${textOr(directory, '/etc/backup-scripts')}`],
};

function server(engine: string, { container, host, hostname, port, socket }: Block, usual: number): string {
  if (typeof container === 'string') return `${engine}:container:${container}`;
  const name = textOr(host ?? hostname, 'localhost');
  const isLocal = name === 'localhost' || name === '127.0.0.1' || name === '::1' || name.startsWith('/');
  const where = typeof socket === 'string' && engine === 'redis' ? socket : String(port ?? usual);
  return `${engine}:${isLocal ? 'local' : name}:${where}`;
}

/** A text, or those of a list; of the maps in it what stands under the key. */
function textsIn(value: unknown, key?: string): readonly string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.flatMap((entry: unknown) => {
    if (typeof entry === 'string') return [entry];
    if (key === undefined || typeof entry !== 'object' || entry === null) return [];
    const inner = (entry as Block)[key];
    return typeof inner === 'string' ? [inner] : [];
  });
}

function textOr(value: unknown, other: string): string {
  return typeof value === 'string' && value !== '' ? value : other;
}

function withoutSlash(path: string): string {
  return path.replace(/(?!^)\/+$/, '');
}

function afterPrefix(text: string, prefix: string): string | undefined {
  return text.startsWith(prefix) ? text.slice(prefix.length) : undefined;
}
