// SPDX-License-Identifier: AGPL-3.0-or-later

import { toolsOf } from '@local-backup/common/config/tools';
import type { Log } from '@local-backup/common/log';
import { describe, expect, it } from 'vitest';
import { databasesOf, describeTask, options, savesGlobals } from './options.ts';
import { hostOf, loginCommand, programWords, userOf } from './server.ts';

const quiet = () => undefined;
const silentLog: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => silentLog };

const complaints = (task: object) =>
  (options.safeParse(task).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('a task', () => {
  it('needs nothing but a database', () => {
    const task = options.parse({ database: 'shop' });
    expect(task).toMatchObject({ format: 'plain', dump_options: [], lock_timeout: 300_000 });
    expect([databasesOf(task), savesGlobals(task), hostOf(task)]).toEqual([['shop'], false, undefined]);
    expect(complaints({})).toEqual([expect.stringMatching(/^database: /)]);
  });

  it('takes all databases, with their roles, and a database that is called all', () => {
    expect(savesGlobals(options.parse({ database: 'all' }))).toBe(true);
    expect(savesGlobals(options.parse({ database: 'all', globals: false }))).toBe(false);
    expect(databasesOf(options.parse({ database: ['all'] }))).toEqual(['all']);
    expect(describeTask(options.parse({ database: 'all' }))).toBe('all databases, plain SQL, with roles');
  });

  it('takes both spellings of the original, unless they differ', () => {
    const task = options.parse({ database: 'shop', username: 'me', hostname: 'db', host: 'db' });
    expect([hostOf(task), userOf(task)]).toEqual(['db', 'me']);
    expect(complaints({ database: 'shop', host: 'a', hostname: 'b', user: 'a', username: 'b' })).toEqual([
      'hostname: must not differ from `host`: they are the same setting',
      'username: must not differ from `user`: they are the same setting',
    ]);
  });

  it('refuses a password, and what does not go with a container', () => {
    expect(complaints({ database: 'shop', password: 'x' })[0]).toContain('put it into a /root/.pgpass');
    expect(complaints({ database: 'shop', container: 'db', format: 'directory', passfile: '/x' })).toHaveLength(2);
    expect(userOf(options.parse({ database: 'shop', container: 'db' }))).toBe('postgres');
  });
});

describe('dump_options', () => {
  it.each([
    '-n a --schema b --schema=c -nd',
    '--exclude-table-data=public.* --no-owner -O -x',
    '-t --file',
    '--clean --if-exists',
  ])('%s: taken', (line) => {
    expect(options.parse({ database: 'shop', dump_options: line }).dump_options).toEqual(line.split(' '));
  });

  it.each([
    ['-f x', '-f is not allowed here'],
    ['--file=x', '--file is not allowed here'],
    ['--fil=x', '--fil is not allowed here'],
    ['-Fc', '-F is not allowed here'],
    ['-hevil', '-h is not allowed here'],
    ['--host evil', '--host is not allowed here'],
    ['-W', '-W is not allowed here'],
    ['--inserts', '--inserts is not allowed here'],
    ['-Of', '-O takes no value'],
    ['--no-owner=x', '--no-owner takes no value'],
    ['-t', '-t needs a value'],
    ['--if-exists', '--if-exists needs --clean'],
    ['otherdb', '"otherdb" is no option'],
  ])('%s: refused', (line, message) => {
    expect(complaints({ database: 'shop', dump_options: line })[0]).toContain(message);
  });
});

it.each([
  [['pg_dump'], ['psql']],
  [['/usr/lib/postgresql/16/bin/pg_dump'], ['/usr/lib/postgresql/16/bin/psql']],
  [
    ['sudo', '-u', 'x', '/opt/pg_dump'],
    ['sudo', '-u', 'x', '/opt/psql'],
  ],
  [['/opt/my-dumper'], ['psql']],
])('psql is beside pg_dump: %j', (pgDump, expected) => {
  expect(programWords(pgDump, 'psql')).toEqual(expected);
});

describe('the command line', () => {
  const commandOf = (task: object) => {
    const exec = () => Promise.reject(new Error('nothing is run'));
    const context = {
      options: options.parse(task),
      tools: toolsOf(),
      exec,
      signal: new AbortController().signal,
      log: silentLog,
    };
    return loginCommand({ context, account: undefined }, 'pg_dump', ['x']);
  };

  it('names what the task names, and nothing else', () => {
    expect(commandOf({ database: 'shop' }).args).toEqual(['--no-password', 'x']);
    const { args, options: run } = commandOf({ database: 'shop', host: 'db', port: 5433, user: '-x', passfile: '/a' });
    expect(args).toEqual(['--host=db', '--port=5433', '--username=-x', '--no-password', 'x']);
    expect(run.env).toMatchObject({ PGPASSFILE: '/a' });
  });

  it('is run in the container, as postgres', () => {
    const { program, args } = commandOf({ database: 'shop', container: 'shop-db-1' });
    expect([program, ...args]).toEqual([
      'docker',
      'exec',
      '-i',
      'shop-db-1',
      'pg_dump',
      '--username=postgres',
      '--no-password',
      'x',
    ]);
  });
});
