// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sqlite } from '../../packages/client/src/plugins/sqlite/index.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { copyContext, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { dump, makeShop, openWriter, sql } from '../helpers/sqlite-lab.ts';
import { pluginContract } from './plugin.ts';

pluginContract(sqlite, (directory) => {
  const file = join(directory, 'app', 'app.db');
  makeShop(file);
  chmodSync(file, 0o640);
  chownSync(file, 65_534, 65_534);
  const facts = () => (existsSync(file) ? [statSync(file).mode & 0o777, statSync(file).uid] : []);
  return {
    options: { paths: [join(directory, '*', '*.db')] },
    stateOfHost: () => [dump(file), facts(), readdirSync(dirname(file))],
    destroy: () => sql(file, 'DELETE FROM orders; CREATE TABLE other(x);'),
    damage: (copy) => truncateSync(join(copy, 'sqlite/files', file), 4096),
  };
});

describe('sqlite', () => {
  let root: string;
  let file: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sqlite-'));
    file = join(root, 'host', 'app.db');
    makeShop(file);
    for (const name of ['stage', 'scratch', 'kept']) mkdirSync(join(root, name), { mode: 0o700 });
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const save = (options: object = {}, stage = join(root, 'stage')) =>
    sqlite.run(pluginContext(sqlite, { options: { paths: [file], ...options }, stage }));
  const places = () => ({ copy: join(root, 'stage'), scratch: join(root, 'scratch') });
  const verify = async (level: 'quick' | 'full' = 'full') => {
    const context = copyContext(sqlite, { options: { paths: [file] }, ...places(), level });
    return (await sqlite.verify?.(context)) ?? [];
  };
  const restoring = (given: { as?: string } = {}) =>
    restoreContext(sqlite, { options: { paths: [file] }, ...places(), kept: join(root, 'kept'), ...given });
  const saved = (path = file) => join(root, 'stage/sqlite/files', path);

  it('saves what is only in the -wal file of a database that somebody writes to', async () => {
    sql(file, 'PRAGMA journal_mode=wal;');
    const end = await openWriter(
      file,
      `INSERT INTO orders VALUES (3, 'wal'); BEGIN; INSERT INTO orders VALUES (4, 'open');`,
    );
    const { tables } = await save();
    await end();
    expect(tables).toEqual(new Map([[`${file}: orders`, 3]]));
    expect(statSync(saved()).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(saved()))).toEqual(['app.db']);
    expect((await verify()).map(({ status }) => status)).toEqual(['ok']);
  });

  it('says so when a writer keeps the database locked', async () => {
    const end = await openWriter(file, 'BEGIN EXCLUSIVE;');
    await expect(save({ busy_timeout: '1s' })).rejects.toThrow(/Cannot save .*app\.db: sqlite3 failed.*locked/s);
    await end();
    expect(readdirSync(dirname(saved()))).toEqual([]);
  });

  it('takes names and tables of any characters', async () => {
    file = join(root, 'host', '-odd "name"; $(x)\n.db');
    sql(
      file,
      `CREATE TABLE "we""ird; --'\n\\"(x); INSERT INTO "we""ird; --'\n\\" VALUES (1); CREATE TABLE __proto__(x);`,
    );
    const { tables } = await save();
    expect([...(tables ?? []).values()].sort()).toEqual([0, 1]);
    const checks = await verify();
    expect(checks).toMatchObject([{ status: 'ok', message: expect.stringContaining('2 tables, 1 rows') }]);
    rmSync(file);
    await sqlite.restore?.apply(restoring());
    expect(sql(file, 'SELECT count(*) FROM sqlite_master')).toBe('2\n');
  });

  it('keeps databases of the same name apart, and takes each once', async () => {
    const other = join(root, 'host', 'deep', 'er', 'app.db');
    makeShop(other);
    symlinkSync(file, join(root, 'host', 'link.db'));
    writeFileSync(join(root, 'host', 'cache.db'), 'x');
    const { facts } = await save({ paths: [join(root, 'host/**/*.db')], exclude: [join(root, 'host/cache*')] });
    expect(facts).toEqual({ databases: '2' });
    expect([existsSync(saved()), existsSync(saved(other))]).toEqual([true, true]);
  });

  it.each([
    ['no database', 'x'.repeat(5000), /is no SQLite database/],
    ['encrypted', Buffer.from(Array.from({ length: 8192 }, (_, i) => (i * 167 + (i >> 8)) & 255)), /looks encrypted/],
  ])('fails for a file that is %s, and saves the others', async (_name, content, message) => {
    const bad = join(root, 'host', 'bad.db');
    writeFileSync(bad, content);
    const options = { paths: [bad, file] };
    const context = pluginContext(sqlite, { options, stage: join(root, 'stage') });
    await expect(sqlite.validate?.(context)).rejects.toThrow(message);
    await expect(save(options)).rejects.toThrow(message);
    expect(existsSync(saved())).toBe(true);
    expect(existsSync(saved(bad))).toBe(false);
  });

  it('fails for a damaged database', async () => {
    sql(
      file,
      `WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i+1 FROM n WHERE i<2000) INSERT INTO orders SELECT i, hex(i) FROM n;`,
    );
    const bytes = readFileSync(file);
    bytes.fill(0xee, 8192, 12_288);
    writeFileSync(file, bytes);
    await expect(save()).rejects.toThrow(/damaged/);
    expect(existsSync(saved())).toBe(false);
  });

  it('fails for one whose pages can be read, but not its rules kept', async () => {
    sql(
      file,
      `INSERT INTO orders VALUES (3, NULL); PRAGMA writable_schema=on;
       UPDATE sqlite_master SET sql = replace(sql, 'what)', 'what NOT NULL)');`,
    );
    await expect(save()).rejects.toThrow(/damaged.*NULL value in orders\.what/s);
    expect(existsSync(saved())).toBe(false);
  });

  it('fails where a pattern matches nothing, unless that is allowed', async () => {
    const options = { paths: [join(root, 'host/*.sqlite')] };
    await expect(save(options)).rejects.toThrow(/there is no such file.*allow_missing/s);
    expect(await save({ ...options, allow_missing: true })).toMatchObject({ facts: { databases: '0' } });
  });

  it('fails when the disk is full, and leaves no half copy', async () => {
    const small = join(root, 'small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]);
    try {
      sql(file, `INSERT INTO orders VALUES (3, zeroblob(300000));`);
      await expect(save({}, small)).rejects.toThrow(/Cannot save/);
      expect(readdirSync(join(small, 'sqlite/files', dirname(file)))).toEqual([]);
    } finally {
      execFileSync('umount', [small]);
    }
  });

  it('ends a program that hangs, and says what limits it', async () => {
    const real = createRun({ scrub: (text) => text });
    const exec: typeof real = (_program, _args, options) => real('sleep', ['60'], options);
    const options = { paths: [file], timeout: '1s' };
    const context = pluginContext(sqlite, { options, stage: join(root, 'stage'), exec });
    await expect(sqlite.run(context)).rejects.toThrow(/did not finish within 1 s.*`timeout` of the task/s);
  });

  it('sees rows that are missing in a copy', async () => {
    await save();
    sql(saved(), 'DELETE FROM orders WHERE id = 2;');
    expect(await verify()).toMatchObject([{ status: 'failed', message: 'orders: 1 rows, 2 when saved' }]);
  });

  it('follows no link out of a copy', async () => {
    await save();
    rmSync(saved());
    symlinkSync(file, saved());
    expect(await verify('quick')).toMatchObject([
      { status: 'failed', message: expect.stringContaining('behind a link') },
    ]);
    await expect(sqlite.restore?.plan(restoring())).rejects.toThrow(/behind a link/);
  });

  it('restores onto an empty host, with owner and mode', async () => {
    chmodSync(file, 0o604);
    chownSync(file, 1234, 4321);
    await save();
    const before = dump(file);
    rmSync(join(root, 'host'), { recursive: true });
    const context = restoring();
    expect(await sqlite.restore?.plan(context)).toMatchObject([{ action: 'create' }]);
    await sqlite.restore?.apply(context);
    expect(dump(file)).toBe(before);
    const { mode, uid, gid } = statSync(file);
    expect([mode & 0o777, uid, gid]).toEqual([0o604, 1234, 4321]);
    await sqlite.restore?.revert(context);
    expect(existsSync(file)).toBe(false);
  });

  it('replaces nothing that is open; removes and keeps the old -wal file', async () => {
    sql(file, 'PRAGMA journal_mode=wal;');
    await save();
    const end = await openWriter(file, `INSERT INTO orders VALUES (3, 'late');`);
    const context = restoring();
    const plan = await sqlite.restore?.plan(context);
    expect(plan?.[0]).toMatchObject({ action: 'note', what: expect.stringMatching(/open in sqlite3 \(process \d+\)/) });
    await expect(sqlite.restore?.apply(context)).rejects.toThrow(/has to be stopped/);
    expect(context.remembered()).toBeUndefined();
    // As a crash of the program leaves it: what was written last is in the -wal file alone.
    execFileSync('cp', ['-a', file, `${file}-wal`, root]);
    await end();
    execFileSync('cp', ['-a', join(root, 'app.db'), join(root, 'app.db-wal'), dirname(file)]);
    await sqlite.restore?.apply(context);
    expect(existsSync(`${file}-wal`)).toBe(false);
    expect(sql(file, 'SELECT count(*) FROM orders')).toBe('2\n');
    await sqlite.restore?.revert(context);
    expect(sql(file, 'SELECT count(*) FROM orders')).toBe('3\n');
  });

  it('puts the old database back after it was killed half-way', async () => {
    await save();
    sql(file, 'DELETE FROM orders;');
    const before = dump(file);
    const killed = restoring();
    execFileSync('mkfifo', [`${file}-wal`]);
    await sqlite.restore?.apply(killed);
    const memo = JSON.parse(JSON.stringify(killed.remembered()));
    // As it is in the middle: half a new file, the old one gone.
    writeFileSync(join(dirname(file), '.app.db.restore.tmp'), 'half');
    rmSync(file);
    await sqlite.restore?.revert({ ...restoring(), remembered: () => memo });
    expect(dump(file)).toBe(before);
    expect(readdirSync(dirname(file))).toEqual(['app.db']);
  });

  it('restores beside the original, and refuses a name that is taken', async () => {
    await save();
    const context = restoring({ as: 'old.db' });
    await sqlite.restore?.apply(context);
    expect(dump(join(root, 'host', 'old.db'))).toBe(dump(file));
    await expect(sqlite.restore?.plan(restoring({ as: 'old.db' }))).rejects.toThrow(/exists already/);
    await expect(sqlite.restore?.plan(restoring({ as: '../x' }))).rejects.toThrow(/without a slash/);
  });
});
