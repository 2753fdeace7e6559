// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { influxdb } from '../../packages/client/src/plugins/influxdb/index.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { freePort, InfluxLab } from '../helpers/influx-lab.ts';
import { copyContext, pluginContext } from '../helpers/plugin-context.ts';

const lab = new InfluxLab();
const DATABASE = 'odd "name';
const WEEK = 7 * 24 * 3600;

/** Ten of one week, twenty of the next, thirty of the third: so they are in three shards. */
const POINTS = Array.from({ length: 60 }, (_, at) => {
  const week = at < 10 ? 0 : at < 30 ? 1 : 2;
  return `cpu,host=h${at % 3} value=${at},text="ü" ${week * WEEK + at + 1}000000000`;
});

beforeAll(async () => {
  await lab.start();
  lab.ask('CREATE DATABASE "odd \\"name"');
  lab.ask(String.raw`CREATE RETENTION POLICY "an \"hour" ON "odd \"name" DURATION 1h REPLICATION 1`);
  await lab.write(DATABASE, POINTS);
  await lab.write(DATABASE, ['disk free=1,used=2'], 'an "hour');
  lab.ask('CREATE DATABASE other');
  await lab.write('other', ['x value=1']);
});
afterAll(() => lab.remove());

describe('a throw-away InfluxDB 1', () => {
  let root: string;
  let copy: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'influx-'));
    copy = join(root, 'copy');
    for (const name of ['copy', 'scratch']) mkdirSync(join(root, name), { mode: 0o700 });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const optionsOf = (more: object = {}) => ({ host: lab.host, api: lab.api, ...more });
  const save = (more: object = {}) => influxdb.run(pluginContext(influxdb, { options: optionsOf(more), stage: copy }));
  const verify = async (more: object = {}) => {
    const context = { options: {}, copy, scratch: join(root, 'scratch'), level: 'full' as const, ...more };
    const checks = (await influxdb.verify?.(copyContext(influxdb, context))) ?? [];
    expect(readdirSync(join(root, 'scratch'))).toEqual([]);
    return checks.map(({ name, status, message }) => `${status} ${name}: ${message}`);
  };
  const backup = () => join(copy, 'influxdb_backup');
  const record = () => join(backup(), 'saved.json');
  const edit = (file: string, change: (text: string) => string) =>
    writeFileSync(file, change(readFileSync(file, 'utf8')));

  it('opens what was saved, and finds all points of it', async () => {
    const { tables, facts } = await save();
    expect([...(tables ?? [])].sort()).toEqual([
      ['odd "name.cpu', 60],
      ['odd "name.disk', 1],
      ['other.x', 1],
    ]);
    expect(facts?.engine).toMatch(/^influxdb 1\./);
    expect((await verify()).slice(1).sort()).toEqual([
      'ok odd "name: points: loads, 61 points in 2 measurements',
      'ok other: points: loads, 1 points in 1 measurements',
    ]);
  });

  it('opens each of several backups', async () => {
    await save({ database: [DATABASE, 'other'] });
    expect((await verify()).slice(2)).toEqual([
      expect.stringMatching(/^ok odd "name: .*61 points/),
      expect.stringMatching(/^ok other: .*1 points/),
    ]);
  });

  it('misses points and measurements, though every file is whole', async () => {
    await save({ database: DATABASE });
    const [directory = ''] = readdirSync(backup()).filter((name) => name.startsWith('db.'));
    const shards = readdirSync(join(backup(), directory)).filter((name) => name.endsWith('.tar.gz'));
    const [first = '', , third = ''] = shards.map((name) => join(backup(), directory, name));
    writeFileSync(third, readFileSync(first));
    expect((await verify())[1]).toMatch(
      /^failed odd "name: points: autogen\.cpu: 80 values, 120 when it was saved\. Has their retention/,
    );
    edit(record(), (text) => text.replace('"cpu","disk"', '"cpu","disk","gone"'));
    expect((await verify())[1]).toBe('failed odd "name: points: 1 measurements are missing: gone');
  });

  it('loads what nobody has counted, and asks for more than a lack of complaints', async () => {
    const closed = await freePort();
    await save({ database: 'other', api: `127.0.0.1:${closed}` });
    expect((await verify())[1]).toMatch(/^ok other: points: loads, 1 points .*nobody counted/);
    rmSync(record());
    expect((await verify())[1]).toMatch(/^ok other: points: loads, 1 points .*nobody counted/);
    const database = { name: 'other', measurements: ['x'], counts: null };
    writeFileSync(record(), JSON.stringify({ format: 1, databases: [database] }));
    expect((await verify())[1]).toMatch(/^ok other: points: loads, with all 1 measurements/);
  });

  it('lets a hostile copy write nowhere, and says what is wrong with it', async () => {
    await save({ database: 'other' });
    const inside = join(backup(), 'db.other');
    const [shard = ''] = readdirSync(inside).filter((name) => name.endsWith('.tar.gz'));
    const [manifest = ''] = readdirSync(inside).filter((name) => name.endsWith('.manifest'));
    const [meta = ''] = readdirSync(inside).filter((name) => name.endsWith('.meta'));
    const evil = join(root, 'evil');
    mkdirSync(evil);
    writeFileSync(join(evil, 'up.tsm'), 'no data');
    symlinkSync('/etc/passwd', join(evil, 'link.tsm'));
    const names = ['-C', evil, '--transform=s,^up,../../../../../../../../tmp/../up,', 'up.tsm', 'link.tsm'];
    execFileSync('tar', ['-P', '-czf', join(inside, shard), ...names], { stdio: 'pipe' });
    expect((await verify())[1]).toMatch(/^failed .*loading: tar failed.*Member name contains '\.\.'/s);
    expect(existsSync('/up.tsm')).toBe(false);
    execFileSync('tar', ['-czf', join(inside, shard), '-C', evil, 'up.tsm', 'link.tsm']);
    expect((await verify())[1]).toMatch(/^failed other: points: 1 measurements are missing: x/);
    const kept = readFileSync(join(inside, meta));
    writeFileSync(join(inside, meta), 'no metadata');
    expect((await verify())[1]).toMatch(/^failed .*loading: The metadata in the copy are not whole/);
    writeFileSync(join(inside, meta), kept);
    edit(join(inside, manifest), (text) => text.replace('"autogen"', '"../.."'));
    expect((await verify())[1]).toMatch(/^failed .*loading: \.\.\/\.\. is no name of a database/);
    edit(join(inside, manifest), (text) => text.replace('"../.."', `"${'x'.repeat(300)}"`));
    expect((await verify())[1]).toMatch(/^failed .*loading: x{255} is no name of a database/);
  });

  it('is skipped where there is no influxd of version 1, or nothing that keeps others away from it', async () => {
    await save({ database: 'other' });
    const real = createRun({ scrub: (text) => text });
    const answering = (program: string, exitCode: number, stdout: string): typeof real => {
      return (name, args, options) =>
        name === program
          ? Promise.resolve({ exitCode, stdout, stderr: '', truncated: false })
          : real(name, args, options);
    };
    expect((await verify({ exec: answering('influxd', 0, 'InfluxDB v2.7.1 (git: x)') }))[1]).toMatch(
      /^skipped .*influxd is not of version 1/,
    );
    expect((await verify({ exec: answering('unshare', 1, '') }))[1]).toMatch(/^skipped .*takes root/);
  });
});
