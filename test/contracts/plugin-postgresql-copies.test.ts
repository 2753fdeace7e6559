// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  appendFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { postgresql } from '../../packages/client/src/plugins/postgresql/index.ts';
import type { Run } from '../../packages/common/src/exec.ts';
import { type PostgresServer, startPostgres } from '../helpers/postgres.ts';
import { makePostgresPlace, type PostgresPlace } from '../helpers/postgres-place.ts';
import { createShop, shopState } from '../helpers/postgres-shop.ts';

let server: PostgresServer;
let place: PostgresPlace;
/** Where the shop was saved once. */
let saved: string;

beforeAll(async () => {
  server = await startPostgres();
  createShop(server);
  const first = makePostgresPlace(server);
  await first.save({ database: 'shop' });
  saved = join(server.socket, 'saved');
  cpSync(first.stage, saved, { recursive: true });
  first.remove();
}, 120_000);

afterAll(() => server.stop());

beforeEach(() => {
  place = makePostgresPlace(server);
});

afterEach(() => place.remove());

const HOSTILE = `-it's "a"/..\\shop = 'x'\nhost=evil`;

/** As `place.save({ database: 'shop' })` does. */
function saveShop(): void {
  cpSync(saved, place.stage, { recursive: true });
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}

describe('what is saved', () => {
  it('has the rows of every table, counted in the dump, in all formats alike', async () => {
    const results = [];
    for (const format of ['plain', 'custom', 'directory']) {
      results.push(await place.save({ database: 'shop', format }));
      rmSync(join(place.stage, 'databases'), { recursive: true });
    }
    const [plain, ...others] = results.map(({ tables }) => [...(tables ?? [])].sort());
    expect(plain).toEqual([
      ['shop."Other Schema"."COPY x FROM stdin"', 1],
      ['shop."Other Schema"."a ""quoted"" Table\nwith a line break"', 3],
      ['shop.public.customers', 3],
      ['shop.public.empty', 0],
      ['shop.public.nothing', 1],
      ['shop.public.orders', 1000],
      ['shop.public.parted_1', 2],
    ]);
    for (const other of others) expect(other).toEqual(plain);
  });

  it('is in files of mode 0600 and ours, under names that are the same every time', async () => {
    await place.save({ database: 'all', format: 'directory' });
    const directory = join(place.stage, 'databases');
    expect(readdirSync(directory).sort()).toEqual([
      'globals.sql',
      'postgres.dir',
      'postgres.json',
      'postgresql.json',
      'shop.dir',
      'shop.json',
    ]);
    const files = [join(directory, 'globals.sql'), join(directory, 'shop.json'), join(directory, 'shop.dir/toc.dat')];
    for (const file of files) expect([statSync(file).mode & 0o777, statSync(file).uid], file).toEqual([0o600, 0]);
    expect(readFileSync(files[0] ?? '', 'utf8')).toContain('CREATE ROLE "shop owner";');
  });

  it('leaves out template1, takes databases that hold the names of files, and keeps what the options say', async () => {
    for (const name of ['globals', 'postgresql']) server.sql('postgres', `create database ${name}`);
    const { tables } = await place.save({
      database: ['globals', 'postgresql', 'shop'],
      dump_options: '-T orders --exclude-table-data=customers',
    });
    expect([...(tables ?? [])].filter(([name]) => name.includes('public.')).map(([name]) => name)).not.toContain(
      'shop.public.orders',
    );
    expect(tables?.has('shop.public.customers')).toBe(false);
    expect(readdirSync(join(place.stage, 'databases')).filter((name) => name.endsWith('.sql'))).toEqual([
      '%67lobals.sql',
      '%70ostgresql.sql',
      'shop.sql',
    ]);
    server.sql('postgres', 'drop database globals', 'drop database postgresql');
  });
});

describe('databases with hostile names', () => {
  beforeAll(() => createShop(server, HOSTILE));

  afterAll(() => server.reset());

  it.each(['plain', 'custom', 'directory'])('are saved, checked, lost and put back: %s', async (format) => {
    // Into an empty database; statements that drop what is not there are no errors.
    const options = { database: [HOSTILE], format, dump_options: '--clean' };
    const before = shopState(server, HOSTILE);
    await place.save(options);
    expect(await place.verify(options)).toMatchObject([
      { status: 'ok' },
      { status: 'ok', message: 'loaded: 7 tables, 1010 rows' },
    ]);
    server.sql('postgres', `drop database "${HOSTILE.replaceAll('"', '""')}"`);
    await place.restore.plan(place.restoring(options));
    await place.restore.apply(place.restoring(options));
    expect(shopState(server, HOSTILE)).toEqual(before);
  });
});

describe('the throw-away server', () => {
  it('finds rows that are not what was saved', async () => {
    saveShop();
    const record = join(place.stage, 'databases/shop.json');
    const text = readFileSync(record, 'utf8');
    expect(text).toContain('"rows": 1000');
    writeFileSync(record, text.replace('"rows": 1000', '"rows": 999'));
    expect(await place.verify({ database: 'shop' })).toContainEqual({
      name: 'shop: rows of public.orders',
      status: 'failed',
      message: '1000 rows, saved were 999',
    });
  });

  it('is of at least the version of the dump, or there is none', async () => {
    saveShop();
    const record = join(place.stage, 'databases/shop.json');
    writeFileSync(record, readFileSync(record, 'utf8').replace(/"serverNumber": \d+/, '"serverNumber": 990001'));
    const message = expect.stringContaining('install the Debian package postgresql-99');
    expect(await place.verify({ database: 'shop' })).toMatchObject([{ status: 'ok' }, { status: 'skipped', message }]);
  });

  it('is ended when the run is', async () => {
    saveShop();
    const end = new AbortController();
    const context = place.restoring({ database: 'shop' });
    const exec: Run = (program, args, options) => {
      // By now the server runs: it is asked for the first time.
      if (args.some((word) => word.includes('create role') || word.includes('copy_0'))) end.abort(new Error('ended'));
      return context.exec(program, args, options);
    };
    const verify = postgresql.verify?.({ ...context, level: 'full', exec, signal: end.signal });
    await expect(verify).rejects.toThrow('ended');
    const running = readdirSync('/proc').filter(
      (pid) => /^\d+$/.test(pid) && commandLineOf(pid).includes(context.scratch),
    );
    expect(running).toEqual([]);
  });

  it('has the extensions that a superuser creates, and leaves out what needs one', async () => {
    server.sql('postgres', 'create database extended', 'create role somebody');
    server.sql(
      'extended',
      'create schema ext',
      'create extension hstore schema ext',
      'create schema "The Tools"',
      'create extension dblink schema "The Tools"',
      'create extension amcheck',
      `create table t (h ext.hstore)`,
      `insert into t values ('a=>1')`,
      'create schema foreign_owner authorization somebody',
      'create table foreign_owner.t as select 1 as a',
      'create function f() returns event_trigger language plpgsql as $$ begin end $$',
      'create event trigger e on ddl_command_end execute function f()',
    );
    for (const format of ['plain', 'custom']) {
      await place.save({ database: 'extended', format });
      const message = expect.stringMatching(
        /^loaded: 2 tables, 2 rows; \d+ statements that need a superuser were left out$/,
      );
      expect((await place.verify({ database: 'extended', format }))[1]).toEqual({
        name: 'database extended',
        status: 'ok',
        message,
      });
      rmSync(join(place.stage, 'databases'), { recursive: true });
    }
  });

  it('gives psql no dump with commands of its own, and a superuser to none', async () => {
    saveShop();
    const dump = join(place.stage, 'databases/shop.sql');
    // Where everybody may write.
    const proof = `${place.root}-proof`;
    const forge = (sql: string) => {
      const text = readFileSync(dump, 'utf8').replace(/\n(?=--\n-- PostgreSQL database dump complete)/, `\n${sql}\n`);
      writeFileSync(dump, text);
      const record = join(place.stage, 'databases/shop.json');
      writeFileSync(
        record,
        readFileSync(record, 'utf8').replace(/"bytes": \d+/, `"bytes": ${Buffer.byteLength(text)}`),
      );
    };
    forge(`COPY (select 1) TO PROGRAM 'touch ${proof}';`);
    expect(await place.verify({ database: 'shop' })).toMatchObject([
      {},
      { status: 'ok', message: expect.stringMatching(/1 statements that need a superuser/) },
    ]);
    saveShop();
    // A COPY that is refused: what were its rows is SQL for psql then.
    const rows = [`\\! touch ${proof}`, `\\unrestrict \`touch ${proof}\``, `\\o ${proof}`].join('\n');
    forge(`COPY public.nowhere (a) FROM stdin;\n${rows}\n\\.`);
    expect(await place.verify({ database: 'shop' })).toMatchObject([
      {},
      { status: 'failed', message: expect.stringContaining('relation "public.nowhere" does not exist') },
    ]);
    forge(`\\! touch ${proof}`);
    expect(await place.verify({ database: 'shop' })).toMatchObject([
      {},
      { status: 'failed', message: expect.stringMatching(/commands for psql .*\\! touch/) },
    ]);
    expect(existsSync(proof)).toBe(false);
  });
});

it('a dump that was appended to, or cut off, is found by a quick look', async () => {
  saveShop();
  expect(await place.verify({ database: 'shop' }, 'quick')).toEqual([
    { name: 'databases/shop.sql', status: 'ok', message: 'whole, 7 tables, 1010 rows' },
  ]);
  appendFileSync(join(place.stage, 'databases/shop.sql'), '-- more');
  expect(await place.verify({ database: 'shop' }, 'quick')).toMatchObject([
    { status: 'failed', message: expect.stringMatching(/it has \d+ bytes, saved were \d+/) },
  ]);
});
