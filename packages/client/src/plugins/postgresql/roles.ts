// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { DIRECTORY } from './copy.ts';
import { type DatabaseRecord, readBounded } from './record.ts';
import { ask, runSql, type Server } from './server.ts';

/** A line of a globals dump holds one role's right, password or setting. */
const LARGEST_GLOBALS = 64 * 1024 * 1024;

const NAME = '("(?:[^"]|"")+"|[^\\s";]+)';

/** `CREATE ROLE shop;` `ALTER ROLE shop WITH ... PASSWORD '...';` `ALTER ROLE shop SET work_mem TO '1GB';` */
const ROLE = new RegExp(`^(?:CREATE|ALTER) ROLE ${NAME}(?: (?:WITH|SET) [^\\\\]*)?;$`);

/** `GRANT staff TO shop;` */
const MEMBERSHIP = new RegExp(`^GRANT ${NAME} TO ${NAME}(?: [^\\\\]*)?;$`);

/** What a globals dump says of the roles that a server lacks. */
export interface MissingRoles {
  /** Created by `statements`. */
  readonly created: readonly string[];
  /** Needed, and in no globals dump. */
  readonly unknown: readonly string[];
  readonly statements: readonly string[];
}

/**
 * Compares the roles of the copy with those of the server: a role that is there stays as it is, whatever the copy says.
 * @param database to ask in
 */
export async function findMissingRoles(
  server: Server,
  database: string,
  { copy, records }: { readonly copy: string; readonly records: readonly DatabaseRecord[] },
): Promise<MissingRoles> {
  const sql = "select coalesce(json_agg(rolname), '[]') from pg_roles";
  const present = new Set(JSON.parse((await ask(server, database, sql)).join('')) as string[]);
  const file = join(copy, DIRECTORY, 'globals.sql');
  const isThere = (await lstat(file).catch(() => undefined)) !== undefined;
  const lines = isThere ? (await readBounded(file, LARGEST_GLOBALS)).split('\n') : [];
  const chosen = chooseRoleStatements(lines, present);
  const known = new Set([...present, ...chosen.created]);
  const needed = new Set(records.flatMap(({ facts }) => [facts.owner, ...facts.roles]));
  return { ...chosen, unknown: [...needed].filter((name) => !known.has(name)) };
}

/** The statements that concern roles which are not there. Pure. */
export function chooseRoleStatements(
  lines: readonly string[],
  present: ReadonlySet<string>,
): Omit<MissingRoles, 'unknown'> {
  const created = new Set<string>();
  const statements = lines.filter((line) => {
    const role = ROLE.exec(line)?.[1];
    if (role === undefined || present.has(bare(role))) return false;
    created.add(bare(role));
    return true;
  });
  const memberships = lines.filter((line) => {
    const [, group = '', member = ''] = MEMBERSHIP.exec(line) ?? [];
    return created.has(bare(member)) || created.has(bare(group));
  });
  return { created: [...created], statements: [...statements, ...memberships] };
}

/** Creates them; over standard input, because passwords are among them. */
export async function createRoles(server: Server, database: string, statements: readonly string[]): Promise<void> {
  if (statements.length === 0) return;
  // Terse: an error quotes no statement, and so no password.
  await runSql(server, database, { args: ['--set=VERBOSITY=terse', '--file=-'], stdin: statements.join('\n') });
}

function bare(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}
