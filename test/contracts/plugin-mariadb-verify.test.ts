// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Check } from '../../packages/client/src/plugin-copy.ts';
import { mariadb } from '../../packages/client/src/plugins/mariadb/index.ts';
import { createMariadbLab } from '../helpers/mariadb-lab.ts';
import { SHOP } from '../helpers/mariadb-shop.ts';

const lab = createMariadbLab(mariadb);
const statuses = (checks: readonly Check[]) => checks.map(({ name, status }) => `${name}: ${status}`);

describe('verifying', () => {
  it('finds a lost row, a lost table, a dump without its record and one that was cut off', async () => {
    lab.create('shop', SHOP);
    await lab.save({ database: 'shop' });
    const file = lab.path('stage/databases/shop.sql');
    const whole = readFileSync(file, 'utf8');
    const messages = async (level: 'quick' | 'full' = 'quick') =>
      (await lab.verify({ database: 'shop' }, level))
        .filter(({ status }) => status === 'failed')
        .map(({ message }) => message);
    expect(await messages()).toEqual([]);
    writeFileSync(file, whole.replace("(1,1,1.10,'2020-01-01 00:00:00'),\n", ''));
    expect(await messages()).toEqual(['table orders has 1 rows, not 2']);
    writeFileSync(file, whole.replace('CREATE TABLE `empty_one`', 'CREATE TABLE `other_one`'));
    expect(await messages()).toEqual(['table empty_one is missing; table other_one was not saved']);
    writeFileSync(file, whole.replace('CREATE TABLE `empty_one`', 'CREATE TABEL `empty_one`'));
    expect((await messages()).join()).toContain('table empty_one is missing');
    writeFileSync(file, whole.replace(/-- Dump completed\n$/, ''));
    expect(await messages()).toEqual(['is not whole: it has no last line `-- Dump completed`']);
    // Looks right, and does not load.
    writeFileSync(file, whole.replace('PRIMARY KEY (`id`)', 'PRIMARY KEY (`no_such`)'));
    expect(await messages()).toEqual([]);
    expect((await messages('full')).join()).toContain('no_such');
    rmSync(lab.path('stage/databases/shop.json'));
    expect(await messages()).toEqual(['is not in the copy, or its record is not']);
  }, 60_000);

  it('lets a hostile dump do nothing outside of its throw-away server', async () => {
    lab.create('shop', 'CREATE TABLE a (id INT) ENGINE=InnoDB;');
    await lab.save({ database: 'shop' });
    const file = lab.path('stage/databases/shop.sql');
    const whole = readFileSync(file, 'utf8');
    const outside = lab.path('outside');
    mkdirSync(outside, { mode: 0o777 });
    chmodSync(outside, 0o777);
    const attacks = [
      `\\! touch ${outside}/shell`,
      `system touch ${outside}/system`,
      `tee ${outside}/tee`,
      `SET @x = (SELECT 1 INTO OUTFILE '${outside}/file');`,
      `CREATE TABLE b (id INT) ENGINE=MyISAM DATA DIRECTORY='${outside}';\nCREATE TABLE c (id INT) DATA DIRECTORY='${outside}';`,
      'CREATE TABLE mysql.evil (id INT);',
      `SET @x = 1 \\! touch ${outside}/within\n;`,
      `CREATE DEFINER=root@localhost PROCEDURE p() SELECT 1 INTO OUTFILE '${outside}/definer';\nCALL p();`,
      `DELIMITER ;;\nCREATE DEFINER=root@localhost FUNCTION f() RETURNS INT BEGIN SELECT 1 INTO OUTFILE '${outside}/f'; RETURN 1; END;;\nDELIMITER ;\nSET @x = f();`,
      'DELETE FROM mysql.global_priv;',
      'GRANT ALL ON *.* TO evil@localhost;',
    ];
    for (const attack of attacks) {
      writeFileSync(file, `${attack}\n${whole}`);
      const failed = (await lab.verify({ database: 'shop' }, 'quick')).some(({ status }) => status === 'failed');
      // What does not look hostile is tried.
      if (!failed)
        expect(statuses(await lab.verify({ database: 'shop' }, 'full')), attack).toContain(
          'databases/shop.sql, loaded: failed',
        );
      expect(readdirSync(outside), attack).toEqual([]);
    }
  }, 120_000);

  it('ends its server when the run is to end', async () => {
    lab.create('shop', SHOP);
    await lab.save({ database: 'shop' });
    const ending = new AbortController();
    const verifying = lab.verify({ database: 'shop' }, 'full', { signal: ending.signal });
    const end = Date.now() + 60_000;
    while (!existsSync(lab.path('scratch/m/s')) && Date.now() < end) await delay(10);
    expect(serversOf(lab.path('scratch'))).toHaveLength(1);
    ending.abort(new Error('the run is to end'));
    await expect(verifying).rejects.toThrow('the run is to end');
    expect(serversOf(lab.path('scratch'))).toEqual([]);
  }, 90_000);
});

/** Command lines of servers that are told of this directory. */
function serversOf(directory: string): readonly string[] {
  const { stdout } = spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  return stdout.split('\n').filter((line) => line.startsWith('mariadbd') && line.includes(directory));
}
