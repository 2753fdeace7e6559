// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { mariadb } from '../../packages/client/src/plugins/mariadb/index.ts';
import { MariadbLab } from '../helpers/mariadb-lab.ts';
import { SHOP } from '../helpers/mariadb-shop.ts';
import { startUnitMariadb, usePrograms } from '../helpers/mariadb-unit.ts';
import { applyRestore } from '../helpers/plugin-context.ts';
import { pluginContract } from './plugin.ts';

const lab = new MariadbLab(mariadb, startUnitMariadb);
const PHYSICAL = { database: 'all', physical: true };

usePrograms(lab);

const besides = () => readdirSync(lab.server.directory).filter((name) => name.startsWith('data.'));

describe('contract', () => {
  pluginContract(mariadb, () => {
    lab.create('shop', SHOP);
    return {
      options: lab.options(PHYSICAL),
      stateOfHost: () => lab.state(),
      destroy: () => lab.server.sql('DROP TABLE orders; DELETE FROM customers; DROP VIEW v', 'shop'),
      damage: (copy) => truncateSync(join(copy, 'physical/data/shop/many.ibd'), 65_536),
    };
  });
});

it('copies a server while it is written to, proves the copy, and puts it back onto one that lost everything', async () => {
  lab.create('shop', `${SHOP}\nCREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, t TEXT) ENGINE=InnoDB;`);
  lab.create('wïki-1', 'CREATE TABLE `CON` (a INT) ENGINE=MyISAM; INSERT INTO `CON` VALUES (1), (2);');
  lab.server.sql("CREATE USER editor@localhost IDENTIFIED BY 'x'; GRANT SELECT ON shop.* TO editor@localhost");
  const count = () => Number(lab.server.sql('SELECT COUNT(*) FROM log', 'shop'));
  const writer = await startWriter();
  const before = count();
  const { tables, warnings, facts = {} } = await lab.save(PHYSICAL);
  expect(writer.exitCode).toBeNull();
  writer.kill();
  await once(writer, 'exit');
  const after = count();
  expect([...(tables ?? [])]).toContainEqual(['wïki-1.CON', undefined]);
  expect([tables?.size, warnings, facts.tables]).toEqual([8, [], '8']);

  const checks = await lab.verify(PHYSICAL, 'full');
  expect(checks.filter(({ status }) => status !== 'ok')).toEqual([]);
  expect(checks.at(-1)?.message).toMatch(/^8 tables with \d+ rows, none of them damaged$/);

  lab.server.sql('DROP DATABASE shop; DROP DATABASE `wïki-1`; DROP USER editor@localhost');
  const context = lab.restoring(PHYSICAL);
  const plan = await mariadb.restore?.plan(context);
  expect(plan?.map(({ action, what }) => `${action} ${what}`)).toEqual([
    `stop unit ${lab.server.own.unit}`,
    `keep ${lab.server.data}, moved aside to ${lab.server.data}.kept-...`,
    expect.stringMatching(/^replace .*\/data: all databases and accounts \(8 tables in \d+ files\), as of MariaDB 1/),
    `start unit ${lab.server.own.unit}`,
  ]);
  expect(await applyRestore(mariadb, context)).toEqual([]);
  expect((await mariadb.restore?.verify?.(context))?.map(({ status }) => status)).toEqual(['ok']);

  // All that was written before the copy began, and of the rest the beginning, without a gap.
  const [restored = 0, last] = lab.server.sql('SELECT COUNT(*), MAX(id) FROM log', 'shop').split('\t').map(Number);
  expect(restored).toBe(last);
  expect(restored).toBeGreaterThanOrEqual(before);
  expect(restored).toBeLessThanOrEqual(after);
  expect(lab.server.sql('SELECT COUNT(*) FROM `CON`', 'wïki-1')).toBe('2\n');
  expect(lab.server.sql('SHOW GRANTS FOR editor@localhost')).toContain('GRANT SELECT ON `shop`.*');
  const { uid, mode } = statSync(lab.server.data);
  const [aside = ''] = besides();
  expect({ uid, mode }).toMatchObject({ uid: statSync(join(lab.server.directory, aside)).uid });
  expect(readFileSync(lab.path('kept/old-data-directory.txt'), 'utf8')).toContain(join(lab.server.directory, aside));
  expect(readdirSync(lab.server.data)).not.toContain('xtrabackup_checkpoints');
});

/** Writes row after row until it is ended. */
async function startWriter() {
  const login = ['--no-defaults', `--socket=${lab.server.socket}`, 'shop'];
  const writer = spawn('mariadb', login, { stdio: ['pipe', 'ignore', 'inherit'] });
  const statement =
    "DELIMITER ;;\nFOR i IN 1..10000000 DO INSERT INTO log (t) VALUES (REPEAT('x', 500)); DO SLEEP(0.002); END FOR;;\n";
  writer.stdin.write(statement);
  const end = Date.now() + 60_000;
  while (Number(lab.server.sql('SELECT COUNT(*) FROM log', 'shop')) < 100) {
    if (Date.now() > end) throw new Error('Nothing is written.');
    await delay(20);
  }
  return writer;
}

describe('a copy that is not whole', () => {
  const failed = async (level: 'quick' | 'full' = 'quick') =>
    (await lab.verify(PHYSICAL, level)).filter(({ status }) => status === 'failed').map(({ message }) => message);

  it('is found out: a byte, a file, a checkpoint, a record', async () => {
    lab.create('shop', SHOP);
    lab.server.sql('CREATE TABLE old (a INT) ENGINE=MyISAM; INSERT INTO old VALUES (1)', 'shop');
    await lab.save(PHYSICAL);
    const data = (name: string) => lab.path(`stage/physical/data/${name}`);
    const damaged = async (name: string, change: (whole: Buffer) => Buffer, level: 'quick' | 'full' = 'quick') => {
      const whole = readFileSync(data(name));
      writeFileSync(data(name), change(Buffer.from(whole)));
      const messages = await failed(level);
      writeFileSync(data(name), whole);
      return messages.join();
    };
    const flipped = (at: number) => (whole: Buffer) => {
      whole.writeUInt8(whole.readUInt8(at) ^ 1, at);
      return whole;
    };
    expect(await failed()).toEqual([]);
    expect(await damaged('shop/many.ibd', flipped(70_000))).toContain('shop/many.ibd is damaged');
    expect(await damaged('ibdata1', flipped(7 * 16_384 + 100))).toContain('ibdata1 is damaged');
    expect(await damaged('shop/old.MYD', (whole) => whole.subarray(1))).toMatch(/shop\/old.MYD has \d+ bytes, not/);
    const unprepared = (whole: Buffer) => Buffer.from(whole.toString().replace('log-applied', 'full-backed'));
    expect(await damaged('xtrabackup_checkpoints', unprepared)).toContain('not that it is prepared');
    // Only the server itself sees this.
    expect(await damaged('shop/old.MYI', (whole) => whole.fill(0xff, 0, 200), 'full')).toMatch(/shop\.old|MYI/);
    writeFileSync(data('evil.so'), '');
    expect(await failed()).toEqual(['evil.so was not saved']);
    rmSync(data('evil.so'));
    renameSync(data(''), lab.path('elsewhere'));
    symlinkSync(lab.path('elsewhere'), lab.path('stage/physical/data'));
    expect(await failed()).toEqual(['physical/data in the copy is missing, or behind a link.']);
    const record = lab.path('stage/physical/copy.json');
    const text = readFileSync(record, 'utf8');
    for (const [one, other] of [
      ['"ibdata1"', '"../ibdata1"'],
      ['"name": "old"', '"name": "ol\\u0000d"'],
    ] as const) {
      writeFileSync(record, text.replace(one, other));
      expect((await failed()).join(), other).toContain('does not hold what this plugin writes');
    }
  });
});
