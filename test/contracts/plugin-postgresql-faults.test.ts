// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PostgresServer, postgresPrograms, startPostgres } from '../helpers/postgres.ts';
import { makePostgresPlace, type PostgresPlace } from '../helpers/postgres-place.ts';
import { createShop, shopState } from '../helpers/postgres-shop.ts';

let server: PostgresServer;
let place: PostgresPlace;

beforeAll(async () => {
  server = await startPostgres();
  createShop(server);
  server.sql('postgres', `create role boss superuser login password 'Geheim:1'`);
}, 120_000);

afterAll(() => server.stop());

beforeEach(() => {
  place = makePostgresPlace(server);
});

afterEach(() => place.remove());

/** A pg_dump that does something else; the programs beside it are the real ones. */
function withDumper(script: string): PostgresPlace {
  const directory = join(place.root, 'bin');
  mkdirSync(directory);
  for (const name of ['psql', 'pg_restore', 'pg_dumpall'])
    symlinkSync(join(postgresPrograms(), name), join(directory, name));
  const file = join(directory, 'pg_dump');
  writeFileSync(file, `#!/bin/sh\nreal=${postgresPrograms()}/pg_dump\n${script}\n`, { mode: 0o755 });
  return makePostgresPlace(server, { pg_dump_cmd: file });
}

function passfile(text: string, mode = 0o600): string {
  const file = join(place.root, 'passwords');
  writeFileSync(file, `${text}\n`);
  chmodSync(file, mode);
  return file;
}

const overTcp = (options: object) => ({ host: '127.0.0.1', user: 'boss', database: 'shop', ...options });

describe('validate', () => {
  it('finds programs that are not there, all at once, with the package that brings them', async () => {
    const poor = makePostgresPlace(server, { pg_dump_cmd: '/no/such/pg_dump' });
    await expect(poor.validate({ database: 'shop', format: 'custom' })).rejects.toThrow(
      /^\/no\/such\/psql is not there\. Install the Debian package postgresql-client.*\n\/no\/such\/pg_dump is .*\n\/no\/such\/pg_restore is/,
    );
    poor.remove();
  });

  it('says which databases are not there, and that a server is down', async () => {
    await expect(place.validate({ database: ['shop', 'wiki', "o'no"] })).rejects.toThrow(
      /^database "wiki": (.|\n)*"wiki" does not exist\nCorrect `database`\.\ndatabase "o'no": /,
    );
    await expect(place.validate({ database: 'shop', host: place.root })).rejects.toThrow('Is the server running?');
  });

  it('logs in with the password file, and never shows what is in it', async () => {
    expect(await place.validate(overTcp({ passfile: passfile('*:*:*:boss:Geheim\\:1') }))).toEqual([]);
    const wrong = place.validate(overTcp({ passfile: passfile('*:*:*:boss:Falsch') }));
    await expect(wrong).rejects.toThrow(/password authentication failed (.|\n)*Put a line HOST:PORT/);
    await expect(wrong).rejects.not.toThrow('Falsch');
    const none = place.validate(overTcp({ passfile: passfile('*:*:*:nobody:x') }));
    await expect(none).rejects.toThrow(/no password supplied(.|\n)*Put a line HOST:PORT/);
  });

  it('refuses a password file that others can read, or that is not there', async () => {
    const open = place.validate(overTcp({ passfile: passfile('*:*:*:boss:x', 0o644) }));
    await expect(open).rejects.toMatchObject({ code: 'config', message: expect.stringMatching(/passwords.*chmod/s) });
    await expect(place.validate(overTcp({ passfile: '/no/such/file' }))).rejects.toThrow(
      '/no/such/file does not exist',
    );
  });

  it('refuses a pg_dump that is older than the server', async () => {
    const old = withDumper('echo "pg_dump (PostgreSQL) 9.6.24"');
    await expect(old.validate({ database: 'shop' })).rejects.toThrow(
      /pg_dump is of version 9, the server of version \d+/,
    );
    old.remove();
  });
});

describe('a dump that is not whole is a failure, and nothing of it is left', () => {
  const left = (at: PostgresPlace) => readdirSync(join(at.stage, 'databases'));

  it.each([
    [
      'ends early with 0',
      '"$real" "$@" | head -c 5000',
      'ends before its end (no "PostgreSQL database dump complete")',
    ],
    ['is killed', '"$real" "$@" | head -c 5000; kill -9 $$', 'SIGKILL'],
    ['prints nothing', 'true', 'dumped nothing'],
    ['hangs', 'exec sleep 300', 'within 1 s and was ended'],
  ])('%s', async (_, script, message) => {
    const other = withDumper(script);
    const timeout = script.includes('sleep') ? { timeout: '1s' } : {};
    await expect(other.save({ database: 'shop', ...timeout })).rejects.toThrow(message);
    expect(left(other)).toEqual(['postgresql.json']);
    other.remove();
  });

  it('a custom dump is read again to its end', async () => {
    const other = withDumper('"$real" "$@" | head -c 20000');
    await expect(other.save({ database: 'shop', format: 'custom' })).rejects.toThrow(/database "shop": .*pg_restore/);
    expect(left(other)).toEqual(['postgresql.json']);
    other.remove();
  });

  it('the disk is full', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k,mode=0700', 'tmpfs', place.stage]);
    try {
      await expect(place.save({ database: 'shop' })).rejects.toThrow('is full: make room');
      expect(left(place)).not.toContain('shop.sql');
      rmSync(join(place.stage, 'databases'), { recursive: true });
      await expect(place.save({ database: 'shop', format: 'directory' })).rejects.toThrow('is full: make room');
      expect(left(place)).not.toContain('shop.dir');
    } finally {
      execFileSync('umount', [place.stage]);
    }
  });

  it('of one database, which leaves the others their turn', async () => {
    await expect(place.save({ database: ['wiki', 'shop'] })).rejects.toThrow('"wiki" does not exist');
    expect(left(place)).toEqual(['postgresql.json', 'shop.json', 'shop.sql']);
  });

  it('of a database whose name another task of the service has taken: its dump stays', async () => {
    mkdirSync(join(place.stage, 'databases'));
    writeFileSync(join(place.stage, 'databases/shop.sql'), 'of another plugin');
    await expect(place.save({ database: 'shop' })).rejects.toThrow('another task of this service saves a database');
    expect(left(place)).toEqual(['postgresql.json', 'shop.sql']);
    expect(readFileSync(join(place.stage, 'databases/shop.sql'), 'utf8')).toBe('of another plugin');
  });

  it('a table is locked for too long', async () => {
    server.sql('shop', `begin; lock table orders in access exclusive mode; prepare transaction 'holds it'`);
    try {
      await expect(place.save({ database: 'shop', lock_timeout: '1s' })).rejects.toThrow(
        /timeout(.|\n)*raise `lock_timeout`/,
      );
    } finally {
      server.sql('shop', `rollback prepared 'holds it'`);
    }
  });

  it('a role that may not read everything', async () => {
    server.sql(
      'shop',
      'create table secret (a int)',
      'alter table secret owner to postgres',
      `grant pg_monitor to "shop owner"`,
    );
    await expect(place.save({ database: 'shop', user: 'shop owner' })).rejects.toThrow(
      /permission denied(.|\n)*pg_read_all_data/,
    );
    server.sql('shop', 'drop table secret');
  });
});

it('a restore by a role that may create no database is refused', async () => {
  await place.save({ database: 'shop' });
  const refused = place.restore.plan(place.restoring({ database: 'shop', user: 'shop owner' }));
  await expect(refused).rejects.toThrow('Role "shop owner" may create no database');
});

describe('other ways to the server', () => {
  it('over TCP by several jobs, and back', async () => {
    const options = overTcp({ format: 'directory', jobs: 3, passfile: passfile('127.0.0.1:*:*:boss:Geheim\\:1') });
    const before = shopState(server, 'shop');
    await place.save(options);
    const context = place.restoring(options, 'again');
    expect((await place.restore.plan(context)).map(({ action }) => action)).toEqual(['create', 'load']);
    await place.restore.apply(context);
    expect(shopState(server, 'again')).toEqual(before);
    await place.restore.revert(context);
  });

  it.each(['plain', 'custom'])('in a container: %s', async (format) => {
    const record = join(place.root, 'calls');
    const docker = join(place.root, 'docker');
    // Stands in for docker: "exec -i NAME PROGRAM ...", the container being this machine.
    const path = `PATH=${postgresPrograms()}:$PATH`;
    const starting = join(place.root, 'starting');
    const refusing = `rm ${starting} 2>&- && { echo 'FATAL:  the database system is starting up' >&2; exit 2; }`;
    const lines = ['#!/bin/sh', `echo "$1 $2 $3 $4" >> ${record}`, refusing, 'shift 3', `${path} exec "$@"`];
    writeFileSync(docker, `${lines.join('\n')}\n`, { mode: 0o755 });
    const contained = makePostgresPlace(server, { docker_cmd: `${docker} compose` });
    const options = { container: 'shop-db-1', user: 'boss', database: 'shop', format };
    const before = shopState(server, 'shop');
    await contained.validate(options);
    await contained.save(options);
    const context = contained.restoring(options);
    await contained.restore.plan(context);
    // The container was started a moment ago.
    writeFileSync(starting, '');
    await contained.restore.apply(context);
    expect(shopState(server, 'shop')).toEqual(before);
    await contained.restore.revert(context);
    expect(execFileSync('sort', ['-u', record], { encoding: 'utf8' })).toContain('exec -i shop-db-1 pg_dump');
    expect(existsSync(join(contained.stage, 'databases', 'shop.json'))).toBe(true);
    contained.remove();
  });
});
