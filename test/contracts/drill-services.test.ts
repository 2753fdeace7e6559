// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRun } from '@local-backup/common/exec';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkServices, type ServicesIo } from '../../packages/server/src/drill/services/check-services.ts';
import {
  describeService,
  manifestOf,
  saveInflux,
  saveMariadb,
  saveOthers,
  savePostgres,
} from '../helpers/saved-services.ts';
import { sql } from '../helpers/sqlite-lab.ts';

/* Real dumps of real servers are loaded by the built program in its cage. */

const run = createRun({ scrub: (text) => text });
let programs: string;
let saved: string;
let base: string;
beforeAll(async () => {
  programs = fs.mkdtempSync(join(tmpdir(), 'drill-programs-'));
  saved = fs.mkdtempSync(join(tmpdir(), 'drill-saved-'));
  execFileSync(process.execPath, ['scripts/build.mjs', '--outdir', programs]);
  await Promise.all([savePostgres(saved), saveMariadb(saved), saveInflux(saved), saveOthers(saved)]);
});
afterAll(() => {
  for (const directory of [programs, saved]) fs.rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), 'drill-services-'));
  for (const name of ['tree', 'sandbox', 'scratch']) fs.mkdirSync(join(base, name), { mode: 0o700 });
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

const at = (path: string) => join(base, 'tree', path);

/** Puts services into the tree, as a restore does. */
function restore(...names: readonly string[]): void {
  for (const name of names) {
    fs.mkdirSync(at(name.split('/')[0] ?? ''), { recursive: true, mode: 0o700 });
    execFileSync('cp', ['-a', join(saved, name), at(name)]);
  }
}

async function check(changed: Partial<ServicesIo> = {}) {
  const names = fs
    .readdirSync(join(base, 'tree'))
    .flatMap((type) => fs.readdirSync(at(type)).map((one) => `${type}/${one}`));
  const outcomes = await checkServices(
    names.map((name) => ({ name, bytes: 1, entries: 1 })),
    {
      ...{ tree: join(base, 'tree'), mountPoint: join(base, 'sandbox'), scratch: join(base, 'scratch') },
      program: { node: fs.realpathSync(process.execPath), script: join(programs, 'backup-server.cjs') },
      ...{ manifest: undefined, room: async () => 1024 ** 3, run, timeMs: 100_000 },
      ...{ signal: new AbortController().signal, ...changed },
    },
  );
  expect(fs.readdirSync(join(base, 'scratch'))).toEqual([]);
  return Object.fromEntries(outcomes.map(({ service, outcome }) => [service, outcome]));
}

function edit(file: string, change: (text: string) => string): void {
  const before = fs.readFileSync(file, 'latin1');
  const after = change(before);
  expect(after).not.toBe(before);
  fs.writeFileSync(file, after, 'latin1');
}

test('services that are as they were saved are proven, by real servers in the cage', async () => {
  restore('db/pg', 'db/maria', 'db/sqlite', 'db/redis', 'db/ldap', 'db/influx');
  expect(await check()).toEqual({
    'db/influx': PROVEN,
    ...{ 'db/ldap': PROVEN, 'db/maria': PROVEN, 'db/pg': PROVEN, 'db/redis': PROVEN, 'db/sqlite': PROVEN },
  });
});

const PROVEN = { kind: 'proven' };
const failedWith = (text: RegExp) => ({ kind: 'failed', lines: [expect.stringMatching(text)] });

describe('goes red, naming what is wrong, when before it was stored', () => {
  test('one byte of a PostgreSQL dump was changed', async () => {
    restore('db/pg');
    edit(at('db/pg/databases/shop.sql'), (text) => text.replace('2\tcoffee\n', '3\tcoffee\n'));
    expect(await check()).toEqual({
      'db/pg': failedWith(
        /^postgresql: database shop: the dump does not load: could not create unique index "orders_pkey"$/,
      ),
    });
  });

  test('a row of a PostgreSQL dump was lost', async () => {
    restore('db/pg');
    edit(at('db/pg/databases/shop.sql'), (text) =>
      text.replace('2\tcoffee\n', '').replace('\n\\.\n', '\n\\.\n-- 45678\n'),
    );
    expect(await check()).toEqual({
      'db/pg': failedWith(/^postgresql: shop: rows of public\.orders: 2 rows, saved were 3$/),
    });
  });

  test('a row of a MariaDB dump was lost', async () => {
    restore('db/maria');
    edit(at('db/maria/databases/shop.sql'), (text) => text.replace(/\(2,'coffee'\),\s*/, ''));
    expect(await check()).toEqual({ 'db/maria': failedWith(/^mariadb: .*table orders has 2 rows, not 3$/) });
  });

  test('a row of an SQLite database was deleted', async () => {
    restore('db/sqlite');
    const [file = ''] = execFileSync('find', [at('db/sqlite'), '-name', 'shop.db'], { encoding: 'utf8' }).split('\n');
    sql(file, 'DELETE FROM orders WHERE id = 2;');
    expect(await check()).toEqual({ 'db/sqlite': failedWith(/^sqlite: .*orders: 1 rows, 2 when saved$/) });
  });

  test('an entry of a directory or a point of InfluxDB was lost, and a byte of Redis data was changed', async () => {
    restore('db/ldap', 'db/redis', 'db/influx');
    edit(at('db/influx/influxdb_backup/saved.json'), (text) => text.replace('"values":2', '"values":3'));
    const [file = ''] = execFileSync('find', [at('db/ldap/ldap/data'), '-type', 'f'], { encoding: 'utf8' }).split('\n');
    edit(file, (text) => text.replace(/\n\ndn: uid=bob[\s\S]*?\n\n/, '\n\n'));
    const rdb = fs.readFileSync(at('db/redis/redis/dump.rdb'));
    rdb[rdb.length - 12] = (rdb.at(-12) ?? 0) ^ 1;
    fs.writeFileSync(at('db/redis/redis/dump.rdb'), rdb);
    expect(await check()).toEqual({
      'db/influx': failedWith(/^influxdb: shop: points: autogen\.sold: 2 values, 3 when it was saved\. .*retention/),
      'db/ldap': failedWith(/^ldap: ldap\/data\/.*: \d+ entries, \d+ when it was saved$/),
      'db/redis': failedWith(/^redis: redis\/dump.rdb: /),
    });
  });
});

describe('what cannot be looked at is told', () => {
  const unseen = (why: RegExp, odd: boolean) => ({ kind: 'unseen', why: expect.stringMatching(why), odd });

  test('where this machine lacks a program', async () => {
    restore('db/pg');
    edit(at('db/pg/databases/shop.json'), (text) => text.replace(/("serverNumber": ?)\d+/, '$1990001'));
    expect(await check()).toEqual({
      'db/pg': unseen(/^postgresql: no PostgreSQL server of version 99.*postgresql-99$/, false),
    });
  });

  test("where the plugin is the host's own, or there is no service.yaml", async () => {
    for (const name of ['own/thing', 'own/bare']) fs.mkdirSync(at(name), { recursive: true });
    describeService(join(base, 'tree'), 'own/thing', { my_plugin: { any: 'option' } });
    expect(
      await check({
        manifest: manifestOf(
          { type: 'own', name: 'thing', plugin: 'my_plugin' },
          { type: 'own', name: 'bare', plugin: 'files' },
        ),
      }),
    ).toEqual({
      'own/thing': unseen(/^my_plugin: a plugin of the host's own/, false),
      'own/bare': unseen(/holds no config_used\/service\.yaml/, true),
    });
  });

  test('where it is a link to elsewhere, which is left alone', async () => {
    const target = join(base, 'elsewhere');
    fs.mkdirSync(join(target, 'x'), { recursive: true, mode: 0o700 });
    fs.mkdirSync(at('type'));
    fs.symlinkSync(target, at('type/name'));
    expect(await check()).toEqual({ 'type/name': unseen(/^it is no directory$/, true) });
    expect(fs.statSync(join(target, 'x')).mode & 0o777).toBe(0o700);
  });

  test('where time or room is up', async () => {
    restore('db/sqlite');
    expect(await check({ timeMs: 0 })).toEqual({ 'db/sqlite': unseen(/^the time for it was up/, true) });
    expect(await check({ room: async () => 0 })).toEqual({
      'db/sqlite': unseen(/^there is room for 0 B in drill.directory, and it has 1 B$/, true),
    });
    let asked = 0;
    const filling = async () => {
      asked += 1;
      return asked === 1 ? 1000 ** 3 : 0;
    };
    expect(await check({ room: filling })).toEqual({
      'db/sqlite': unseen(/^loading it would have filled drill.directory$/, true),
    });
    expect(await check({ timeMs: 50 })).toEqual({ 'db/sqlite': unseen(/^the time for it was up/, true) });
  });
});

describe('a dump that is hostile', () => {
  let server: Server;
  let connections = 0;
  beforeEach(async () => {
    server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));
  const reach = () => {
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    return `touch ${base}/evil /tmp/evil-${port}; exec 3<>/dev/tcp/127.0.0.1/${port}`;
  };

  /** Adds to the dump what a client could have added, whose record fits. */
  function add(service: string, statements: string): void {
    const text = `${statements}\n`;
    const dump = at(`${service}/databases/shop.sql`);
    edit(dump, (before) => before.replace(/^(?=-- (?:PostgreSQL database dump complete|Dump completed))/m, () => text));
    const bytes = fs.statSync(dump).size;
    edit(at(`${service}/databases/shop.json`), (record) => `${record.replace(/("bytes": ?)\d+/, `$1${bytes}`)} `);
  }

  async function nothingReached() {
    const outcomes = await check();
    expect(connections).toBe(0);
    expect(fs.readdirSync(base).sort()).toEqual(['sandbox', 'scratch', 'tree']);
    return outcomes;
  }

  test('to psql, is not given to it', async () => {
    restore('db/pg');
    add('db/pg', `\\! ${reach()}`);
    expect(await nothingReached()).toEqual({ 'db/pg': failedWith(/commands for psql that no pg_dump writes/) });
  });

  test('to PostgreSQL, runs no program and writes no file', async () => {
    restore('db/pg');
    add('db/pg', `COPY (SELECT 1) TO PROGRAM $$${reach()}$$;\nCOPY (SELECT 1) TO '${base}/evil';`);
    expect(await nothingReached()).toEqual({
      'db/pg': expect.objectContaining({ kind: expect.stringMatching(/proven|failed/) }),
    });
  });

  test('to MariaDB, reads and writes no file', async () => {
    restore('db/maria');
    add(
      'db/maria',
      `SELECT 'x' INTO OUTFILE '${base}/evil';\nINSERT INTO orders VALUES (4, LOAD_FILE('/etc/passwd'));`,
    );
    expect(await nothingReached()).toEqual({ 'db/maria': expect.objectContaining({ kind: 'failed' }) });
  });
});
