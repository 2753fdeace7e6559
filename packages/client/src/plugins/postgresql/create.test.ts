// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { createStatement, propertyStatements } from './create.ts';
import type { DatabaseFacts } from './record.ts';

const facts: DatabaseFacts = {
  database: 'shop',
  server: '15.4',
  serverNumber: 150_004,
  encoding: 'UTF8',
  collate: "de_AT'.UTF-8",
  ctype: 'C',
  provider: 'c',
  locale: null,
  owner: 'the "owner"',
  template: false,
  connectionLimit: -1,
  comment: null,
  settings: [],
  privileges: null,
  extensions: [],
  roles: [],
};

it('a database is created as it was', () => {
  expect(createStatement('a"b', facts)).toBe(
    `CREATE DATABASE "a""b" TEMPLATE template0 OWNER "the ""owner""" ENCODING 'UTF8' LC_COLLATE 'de_AT''.UTF-8' LC_CTYPE 'C' CONNECTION LIMIT -1`,
  );
  expect(createStatement('x', { ...facts, provider: 'i', locale: 'de' })).toContain(
    `LOCALE_PROVIDER icu ICU_LOCALE 'de'`,
  );
});

it('its settings, privileges and comment come with it, quoted', () => {
  const settings = [
    { role: null, setting: 'search_path="$user", public' },
    { role: 'r"x', setting: "my.option=a=b', c" },
    { role: null, setting: 'search_path=x; drop table y' },
  ];
  const privileges = [
    { grantee: null, privilege: 'CONNECT' as const, grantable: false },
    { grantee: 'r', privilege: 'CREATE' as const, grantable: true },
  ];
  expect(propertyStatements('d', { ...facts, settings, privileges, comment: "it's" })).toEqual([
    'ALTER DATABASE "d" SET "search_path" TO "$user", public',
    `ALTER ROLE "r""x" IN DATABASE "d" SET "my"."option" TO 'a=b'', c'`,
    `ALTER DATABASE "d" SET "search_path" TO 'x; drop table y'`,
    'REVOKE ALL ON DATABASE "d" FROM PUBLIC',
    'GRANT CONNECT ON DATABASE "d" TO PUBLIC',
    'GRANT CREATE ON DATABASE "d" TO "r" WITH GRANT OPTION',
    `COMMENT ON DATABASE "d" IS 'it''s'`,
  ]);
});
