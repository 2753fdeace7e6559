// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { influxdb } from '../../packages/client/src/plugins/influxdb/index.ts';
import { mountSmall } from '../helpers/faults.ts';
import { InfluxLab } from '../helpers/influx-lab.ts';
import { pluginContext } from '../helpers/plugin-context.ts';

const lab = new InfluxLab();
let root: string;

beforeAll(async () => {
  await lab.start();
  lab.ask('CREATE DATABASE shop');
  // Values that no compressor shortens: 2 MB, more than the small disk below has.
  const text = (at: number) =>
    Array.from({ length: 2_000 }, (_, n) => (Math.sin(at * 7 + n) * 1e6).toString(36)).join('');
  await lab.write(
    'shop',
    Array.from({ length: 100 }, (_, at) => `page body="${text(at)}" ${at + 1}000000000`),
  );
});
afterAll(() => lab.remove());

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'influx-'));
  mkdirSync(join(root, 'stage'), { mode: 0o700 });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const contextOf = (more: object = {}) =>
  pluginContext(influxdb, { options: { host: lab.host, api: lab.api, ...more }, stage: join(root, 'stage') });

it('the disk is full while it is saved', async () => {
  const unmount = mountSmall(join(root, 'stage'), 'size=256k');
  try {
    // influxd itself would go on for minutes.
    await expect(influxdb.run(contextOf())).rejects.toThrow(/no space left on the disk of .*stage/);
  } finally {
    unmount();
  }
});

it('a server that is frozen is given up after the time that the task has', async () => {
  lab.freeze(true);
  try {
    await expect(influxdb.run(contextOf({ timeout: '1s' }))).rejects.toThrow(
      /within 1 s and was ended.*`timeout` of the task/s,
    );
  } finally {
    lab.freeze(false);
  }
});

it('a login that is refused, or missing, is told with what to set; the data are saved all the same', async () => {
  lab.ask("CREATE USER admin WITH PASSWORD 'right' WITH ALL PRIVILEGES");
  await lab.restart('auth-enabled = true');
  const file = join(root, 'login');
  writeFileSync(file, 'admin:wrong-canary', { mode: 0o600 });
  for (const more of [{}, { credentials_file: file }]) {
    const [warning = ''] = (await influxdb.validate?.(contextOf(more))) ?? [];
    expect(warning).toMatch(
      /are not saved, the data are.*(?:unable to parse authentication|authorization failed).*`credentials_file`/s,
    );
    expect(warning).not.toContain('canary');
  }
  writeFileSync(file, 'admin:right');
  const { warnings, tables } = await influxdb.run(contextOf({ credentials_file: file }));
  expect(warnings).toEqual([]);
  expect([...(tables ?? [])]).toEqual([['shop.page', 100]]);
  expect(readdirSync(join(root, 'stage/influxdb_backup'))).toContain('saved.json');
});
