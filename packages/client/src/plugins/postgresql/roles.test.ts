// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { chooseRoleStatements } from './roles.ts';

const GLOBALS = `\\restrict abc
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER;
CREATE ROLE "the ""shop""";
ALTER ROLE "the ""shop""" WITH NOSUPERUSER LOGIN PASSWORD 'SCRAM-SHA-256$4096:x=$y=:z=';
ALTER ROLE "the ""shop""" SET work_mem TO '1GB';
CREATE ROLE staff;
ALTER ROLE staff WITH NOLOGIN;
GRANT staff TO "the ""shop""" GRANTED BY postgres;
GRANT pg_monitor TO staff WITH INHERIT TRUE GRANTED BY postgres;
CREATE TABLESPACE fast OWNER postgres LOCATION '/fast';
ALTER ROLE evil WITH LOGIN \\! sh;
`.split('\n');

it('only roles that are not there are created, with their passwords, settings and memberships', () => {
  const { created, statements } = chooseRoleStatements(GLOBALS, new Set(['postgres', 'staff']));
  expect(created).toEqual(['the "shop"']);
  expect(statements).toEqual([...GLOBALS.slice(3, 6), GLOBALS[8]]);
});

it('nothing but roles and memberships is taken out of the file, and no command for psql', () => {
  const { statements } = chooseRoleStatements(GLOBALS, new Set());
  expect(statements).toHaveLength(9);
  expect(statements.join('\n')).not.toMatch(/TABLESPACE|\\/);
});
