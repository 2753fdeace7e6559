// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { type DatabaseFacts, databaseFacts } from './record.ts';
import { ask, isMissingDatabase, type Server } from './server.ts';

/** Databases that are there to log into when another one is meant; somebody may have dropped the first. */
const MAINTENANCE = ['postgres', 'template1'];

/**
 * A database to log into for work on others.
 * @param avoid the database that is worked on
 * @throws BackupError `failed` where the server cannot be reached
 */
export async function maintenanceDatabase(server: Server, avoid?: string): Promise<string> {
  const candidates = MAINTENANCE.filter((name) => name !== avoid);
  for (const name of candidates.slice(0, -1)) {
    try {
      await ask(server, name, 'select 1');
      return name;
    } catch (error) {
      if (!isMissingDatabase(error)) throw error;
    }
  }
  return candidates.at(-1) ?? 'template1';
}

/** Names of all databases that allow connections, but template1, which is empty and on every server. */
export async function listDatabases(server: Server): Promise<readonly string[]> {
  const sql =
    "select coalesce(json_agg(datname order by datname), '[]') from pg_database where datallowconn and datname <> 'template1'";
  const names = JSON.parse((await ask(server, await maintenanceDatabase(server), sql)).join('')) as string[];
  const odd = names.find((name) => name.includes('\ufffd'));
  if (odd === undefined) return names;
  throw new BackupError('failed', `The name of database "${odd}" is not UTF-8: rename it, or list databases by name.`);
}

/** What the server says of itself to whoever may log in. */
export async function serverVersion(server: Server, database: string): Promise<{ text: string; number: number }> {
  const sql = "select current_setting('server_version_num') || ' ' || current_setting('server_version')";
  const [answer = ''] = await ask(server, database, sql);
  const [number = '', ...text] = answer.split(' ');
  return { number: Number(number), text: text.join(' ') };
}

/** All that it takes to create a database again. */
export async function readFacts(server: Server, database: string): Promise<DatabaseFacts> {
  const { number } = await serverVersion(server, database);
  const answer = (await ask(server, database, factsQuery(number))).join('');
  const parsed = databaseFacts.safeParse(JSON.parse(answer));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new BackupError(
    'failed',
    `The server says of database "${database}": ${issue?.path.join('.')}: ${issue?.message}`,
  );
}

/** pg_shdepend says nothing of the role that the server was made with (its id is 10); what users make has ids from 16384. */
const OWNED_BY_FIRST = [
  ['class', 'rel'],
  ['proc', 'pro'],
  ['namespace', 'nsp'],
  ['type', 'typ'],
]
  .map(([table, prefix]) => `select 1 from pg_${table} where ${prefix}owner = 10 and oid >= 16384`)
  .join(' union all ');

/** Columns that older servers lack. */
function factsQuery(version: number): string {
  const provider = version >= 150_000 ? 'd.datlocprovider' : "'c'";
  let locale = 'null';
  if (version >= 150_000) locale = version >= 170_000 ? 'd.datlocale' : 'd.daticulocale';
  return `select json_build_object(
    'database', d.datname,
    'server', current_setting('server_version'),
    'serverNumber', current_setting('server_version_num')::int,
    'encoding', pg_encoding_to_char(d.encoding),
    'collate', d.datcollate, 'ctype', d.datctype, 'provider', ${provider}, 'locale', ${locale},
    'owner', pg_get_userbyid(d.datdba), 'template', d.datistemplate, 'connectionLimit', d.datconnlimit,
    'comment', shobj_description(d.oid, 'pg_database'),
    'settings', (select coalesce(json_agg(json_build_object('role', r.rolname, 'setting', c)), '[]')
      from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) c where s.setdatabase = d.oid),
    'privileges', case when d.datacl is not null then (select coalesce(json_agg(json_build_object('grantee', r.rolname,
        'privilege', a.privilege_type, 'grantable', a.is_grantable)), '[]')
      from aclexplode(d.datacl) a left join pg_roles r on r.oid = a.grantee) end,
    'extensions', (select coalesce(json_agg(json_build_object('name', e.extname, 'schema', n.nspname) order by e.extname), '[]')
      from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname <> 'plpgsql'),
    'roles', (select json_agg(rolname order by rolname) from (select r.rolname from pg_roles r
      where r.rolname !~ '^pg_' and (r.oid = d.datdba
        or exists (select 1 from pg_shdepend s where s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid
          and (s.dbid = d.oid or s.classid = 'pg_database'::regclass and s.objid = d.oid))
        or r.oid = 10 and exists (${OWNED_BY_FIRST}))) needed))
    from pg_database d where d.datname = current_database()`;
}
