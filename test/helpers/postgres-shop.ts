// SPDX-License-Identifier: AGPL-3.0-or-later
import type { PostgresServer } from './postgres.ts';

/**
 * A database with what dumps trip over: texts that look like the dump's own syntax, names with quotes and line breaks, a
 * second schema, foreign keys, a sequence, a view, a large object, tables without rows and without columns, partitions.
 */
export function createShop(server: PostgresServer, name = 'shop'): void {
  const quoted = `"${name.replaceAll('"', '""')}"`;
  server.sql('postgres', OWNER, `create database ${quoted} owner "shop owner"`);
  server.sql(name, ...TABLES, ...ROWS, ...OTHERS);
  server.sql(
    'postgres',
    `alter database ${quoted} set search_path to public, "Other Schema"`,
    `alter database ${quoted} set timezone to 'Europe/Vienna'`,
    `comment on database ${quoted} is 'it''s "the" shop\\'`,
    `revoke temporary on database ${quoted} from public`,
  );
}

const OWNER = `do $$ begin if not exists (select from pg_roles where rolname = 'shop owner') then
  create role "shop owner" login password 'secret'; end if; end $$`;

const TABLES = [
  'set role "shop owner"',
  'create table customers (id serial primary key, name text not null, photo bytea)',
  'create table orders (id int primary key, customer int references customers, note text)',
  'create schema "Other Schema"',
  'create table "Other Schema"."a ""quoted"" Table\nwith a line break" (t text)',
  'create table "Other Schema"."COPY x FROM stdin" (t text)',
  'create table nothing ()',
  'create table empty (a int)',
  'create table parted (a int) partition by list (a)',
  'create table parted_1 partition of parted for values in (1)',
];

const ROWS = [
  "insert into customers (name, photo) values ('Zoë 🛒', '\\x00ff5c2e0a'), (E'a\\tb\\\\.', null), (E'\\\\.\\n\\\\.\\nCOPY public.orders (id) FROM stdin;\\n', '')",
  "insert into orders select i, 1 + i % 3, case when i % 2 = 0 then null else 'note ' || i end from generate_series(1, 1000) i",
  'insert into "Other Schema"."a ""quoted"" Table\nwith a line break" values (\'--\'), (\'\'\'\'), (\'$$\')',
  'insert into "Other Schema"."COPY x FROM stdin" values (\'\\.\')',
  'insert into nothing default values',
  'insert into parted values (1), (1)',
];

const OTHERS = [
  'create view "Big Orders" as select * from orders where id > 900',
  'create materialized view counted as select count(*) from orders',
  "create function hostile() returns text language sql as $f$ select E'\n\\\\.\nCOPY public.nowhere (id) FROM stdin;\n1\n\\\\.\n' $f$",
  "comment on table orders is E'a comment;\nCOPY public.nowhere (id) FROM stdin;\n1\n\\\\.\n'",
  "select lo_from_bytea(4242, 'large \\000 object')",
  'alter table customers enable row level security',
  'grant select on orders to public',
];

const MINE = "in (select oid from pg_namespace where nspname in ('public', 'Other Schema'))";

const STATE = [
  // What has been destroyed cannot be asked for.
  '\\set ON_ERROR_STOP 0\nselect 1',
  `select relname, table_to_xml(oid, true, false, '') from pg_class where relkind in ('r', 'p', 'm', 'v') and relnamespace ${MINE} order by 1`,
  `select relname, relkind, pg_get_userbyid(relowner), relacl from pg_class where relnamespace ${MINE} order by 1, 2`,
  `select conname, pg_get_constraintdef(oid) from pg_constraint where connamespace ${MINE} order by 1`,
  'select last_value, is_called from customers_id_seq',
  "select encode(lo_get(4242), 'hex')",
  `select pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, (select array_agg(a order by a::text) from unnest(datacl) a),
    shobj_description(oid, 'pg_database') from pg_database where datname = current_database()`,
  `select setconfig from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase where datname = current_database()`,
  'select hostile()',
];

/** All data of a database and what belongs to it, as text. */
export function shopState(server: PostgresServer, name: string): string {
  try {
    return server.sql(name, ...STATE);
  } catch (error) {
    if (String(error).includes('does not exist')) return 'there is no such database';
    throw error;
  }
}
