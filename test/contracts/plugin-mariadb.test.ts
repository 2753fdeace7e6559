// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Check } from '../../packages/client/src/plugin-copy.ts';
import { mariadb } from '../../packages/client/src/plugins/mariadb/index.ts';
import { createMariadbLab } from '../helpers/mariadb-lab.ts';
import { SHOP, SHOP_ROWS } from '../helpers/mariadb-shop.ts';
import { pluginContract } from './plugin.ts';

const lab = createMariadbLab(mariadb);
const statuses = (checks: readonly Check[]) => checks.map(({ name, status }) => `${name}: ${status}`);

/** Dash at the beginning, blanks, a backquote, patterns of GRANT, letters of other alphabets. */
const ODD_NAME = '-my `sh_p% é';
const ODD_FILE = '-my `sh_p%25 é';

describe('contract', () => {
  pluginContract(mariadb, () => {
    lab.create('shop', SHOP);
    return {
      options: lab.options({ database: 'shop' }),
      stateOfHost: () => lab.state(),
      destroy: () =>
        lab.server.sql('DROP TABLE orders; DELETE FROM customers; DROP VIEW v; CREATE TABLE other (a INT)', 'shop'),
      damage: (copy) => truncateSync(join(copy, 'databases/shop.sql'), 3000),
    };
  });
});

describe('saving', () => {
  it('dumps a database of an odd name whole, counts its rows, and writes the same bytes again', async () => {
    lab.create(ODD_NAME, SHOP);
    const result = await lab.save({ database: ODD_NAME });
    expect(Object.fromEntries(result.tables ?? [])).toEqual(
      Object.fromEntries(Object.entries(SHOP_ROWS).map(([name, rows]) => [`${ODD_NAME}.${name}`, rows])),
    );
    expect(result.warnings).toEqual([]);
    const directory = lab.path('stage/databases');
    expect(readdirSync(directory).sort()).toEqual([`${ODD_FILE}.json`, `${ODD_FILE}.sql`]);
    expect(statSync(join(directory, `${ODD_FILE}.sql`)).mode & 0o777).toBe(0o600);
    const first = readFileSync(join(directory, `${ODD_FILE}.sql`), 'utf8');
    rmSync(directory, { recursive: true });
    await lab.save({ database: ODD_NAME });
    expect(readFileSync(join(directory, `${ODD_FILE}.sql`), 'utf8')).toBe(first);
  });

  it('names tables without transactions in a warning, unless they are locked', async () => {
    lab.create(
      'wiki',
      'CREATE TABLE pages (id INT) ENGINE=MyISAM; INSERT INTO pages VALUES (1); CREATE TABLE good (id INT) ENGINE=InnoDB;',
    );
    const { warnings = [] } = await lab.save({ database: 'wiki' });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/wiki.*pages\. Set `lock_tables/);
    rmSync(lab.path('stage/databases'), { recursive: true });
    expect((await lab.save({ database: 'wiki', lock_tables: true })).warnings).toEqual([]);
  });

  it('leaves out a broken view, and says so', async () => {
    lab.create(
      'wiki',
      'CREATE TABLE a (id INT) ENGINE=InnoDB; CREATE TABLE b (id INT) ENGINE=InnoDB; INSERT INTO b VALUES (1);',
    );
    lab.server.sql(
      'CREATE VIEW `v ``1` AS SELECT * FROM a; CREATE DEFINER=gone@nowhere VIEW w AS SELECT * FROM b; DROP TABLE a',
      'wiki',
    );
    const { warnings, tables } = await lab.save({ database: 'wiki' });
    expect(warnings).toEqual([
      'database wiki: view v `1 is not saved: what it looks into is gone. Mend it, or drop it.',
    ]);
    expect(Object.fromEntries(tables ?? [])).toEqual({ 'wiki.b': 1 });
    expect(readFileSync(lab.path('stage/databases/wiki.sql'), 'utf8')).toContain('VIEW `w`');
  });

  it('saves all databases and the accounts, and restores both onto an empty server', async () => {
    lab.create('shop', SHOP);
    lab.create('wiki', 'CREATE TABLE pages (id INT PRIMARY KEY) ENGINE=InnoDB WITH SYSTEM VERSIONING;');
    lab.server.sql('INSERT INTO pages VALUES (1), (2); UPDATE pages SET id = 3 WHERE id = 1', 'wiki');
    // Looks into a database that is loaded later.
    lab.server.sql('CREATE VIEW across AS SELECT id FROM wiki.pages', 'shop');
    lab.server.sql(
      "CREATE ROLE editors; GRANT SELECT ON wiki.* TO editors; CREATE USER `o'd d`@`%` IDENTIFIED BY 's3cret'",
    );
    lab.server.sql(
      "GRANT editors TO `o'd d`@`%`; SET DEFAULT ROLE editors FOR `o'd d`@`%`; GRANT UPDATE (id) ON wiki.pages TO `o'd d`@`%`",
    );
    const grants = () =>
      lab.server.sql("SHOW GRANTS FOR `o'd d`@`%`; SHOW GRANTS FOR editors; SHOW CREATE USER `o'd d`@`%`");
    const before = { state: lab.state(), grants: grants() };
    const { facts = {}, tables } = await lab.save({ database: 'all', dump_options: '--dump-history' });
    expect(tables?.get('wiki.pages')).toBe(3);
    expect(facts).toMatchObject({ databases: '2', server: expect.stringContaining('MariaDB') });

    expect(statuses(await lab.verify({ database: 'all' }, 'full'))).toEqual([
      'databases/shop.sql: ok',
      'databases/wiki.sql: ok',
      'databases/grants.sql: ok',
      'databases/shop.sql, loaded: ok',
      'databases/wiki.sql, loaded: ok',
    ]);

    lab.server.sql("DROP DATABASE shop; DROP DATABASE wiki; DROP USER `o'd d`@`%`; DROP ROLE editors");
    const context = lab.restoring({ database: 'all' });
    const plan = await mariadb.restore?.plan(context);
    expect(plan?.map(({ action, what }) => `${action} ${what}`)).toEqual([
      'create database shop, utf8mb4',
      'load database shop (6 tables), from databases/shop.sql',
      'create database wiki, utf8mb4',
      'load database wiki (1 tables), from databases/wiki.sql',
      'create account role editors with its grants, from databases/grants.sql',
      "create account o'd d@% with its grants, from databases/grants.sql",
    ]);
    await mariadb.restore?.apply(context);
    expect({ state: lab.state(), grants: grants() }).toEqual(before);
    expect(lab.server.sql('SELECT COUNT(*) FROM pages FOR SYSTEM_TIME ALL', 'wiki')).toBe('3\n');
    await mariadb.restore?.revert(context);
    expect([lab.databases(), lab.accounts()]).toEqual([[], []]);
  });
});

describe('restoring', () => {
  it('puts one database beside the original, without its events', async () => {
    lab.create('shop', SHOP);
    await lab.save({ database: 'shop' });
    const before = lab.state();
    const context = lab.restoring({ database: 'shop' }, { as: 'shop copy' });
    await mariadb.restore?.plan(context);
    const warnings = await mariadb.restore?.apply(context);
    expect(warnings).toEqual(['Event ev of shop copy is disabled: it would run beside that of the original.']);
    const events = 'SELECT EVENT_SCHEMA, STATUS FROM information_schema.EVENTS ORDER BY 1';
    expect(lab.server.sql(events)).toBe('shop\tENABLED\nshop copy\tDISABLED\n');
    expect(lab.server.sql('SELECT COUNT(*) FROM many', 'shop copy')).toBe('3000\n');
    await mariadb.restore?.revert(context);
    expect(lab.state()).toEqual(before);
  });

  it('refuses one name for several databases, and a database that is not in the copy', async () => {
    for (const name of ['one', 'two']) lab.create(name, 'CREATE TABLE a (id INT) ENGINE=InnoDB;');
    await lab.save({ database: ['one', 'two'] });
    const plan = async (options: object, more = {}) => mariadb.restore?.plan(lab.restoring(options, more));
    await expect(plan({ database: ['one', 'two'] }, { as: 'three' })).rejects.toThrow('cannot be given to 2 databases');
    await expect(plan({ database: ['one', 'three'] })).rejects.toThrow('Database three is not in the copy.');
    // What the copy holds beside is left alone.
    expect((await plan({ database: 'one' }))?.filter(({ what }) => what.includes('two'))).toEqual([]);
    await expect(plan({ database: 'one' }, { as: 'mysql' })).rejects.toThrow(
      'must not be a database of the server itself',
    );
  });

  it('puts back what there was when the dump cannot be loaded, also from what a killed process has left', async () => {
    const options = { database: ['shop', 'wiki'] };
    lab.create('shop', SHOP);
    // Broken for as long as the other database is not there.
    lab.create('wiki', 'CREATE VIEW latest AS SELECT MAX(id) FROM shop.orders;');
    await lab.save(options);
    const file = lab.path('stage/databases/shop.sql');
    writeFileSync(file, readFileSync(file, 'utf8').replace('PRIMARY KEY (`id`)', 'PRIMARY KEY (`no_such`)'));
    lab.server.sql('DELETE FROM orders; CREATE TABLE newer (a INT) ENGINE=InnoDB WITH SYSTEM VERSIONING', 'shop');
    lab.server.sql('INSERT INTO newer VALUES (1); UPDATE newer SET a = 2', 'shop');
    const history = () => lab.server.sql('SELECT a FROM newer FOR SYSTEM_TIME ALL ORDER BY a', 'shop');
    const before = [lab.state(), history()];
    const context = lab.restoring(options);
    await expect(mariadb.restore?.apply(context)).rejects.toThrow(/database shop: .*no_such/s);
    const broken = lab.state();
    expect(broken).not.toEqual(before[0]);
    const memo = JSON.parse(JSON.stringify(context.remembered()));
    const later = lab.restoring(options, { memo });
    const kept = lab.path('kept/wiki.sql');
    const whole = readFileSync(kept, 'utf8');
    writeFileSync(kept, whole.slice(0, -20));
    await expect(mariadb.restore?.revert(later)).rejects.toThrow('is not whole: wiki is left as it is now');
    expect(lab.state()).toEqual(broken);
    writeFileSync(kept, whole);
    await mariadb.restore?.revert(later);
    expect([lab.state(), history()]).toEqual(before);
  });

  it('keeps what views were that are in no dump', async () => {
    lab.create('wiki', 'CREATE TABLE a (id INT) ENGINE=InnoDB; CREATE VIEW v AS SELECT id + 41 FROM a;');
    await lab.save({ database: 'wiki' });
    const before = lab.state();
    lab.server.sql('DROP TABLE a', 'wiki');
    const warnings = await mariadb.restore?.apply(lab.restoring({ database: 'wiki' }));
    expect(warnings?.join()).toMatch(/view v is not saved.*What it was: .*\/kept\/wiki\.views\.txt/);
    expect(readFileSync(lab.path('kept/wiki.views.txt'), 'utf8')).toMatch(/VIEW `wiki`\.`v` AS select .* 41/);
    expect(lab.state()).toEqual(before);
  });

  it('loads nothing that reaches beyond its database', async () => {
    lab.create('shop', 'CREATE TABLE a (id INT) ENGINE=InnoDB;');
    await lab.save({ database: 'shop' });
    const file = lab.path('stage/databases/shop.sql');
    const whole = readFileSync(file, 'utf8');
    const before = lab.state();
    const touched = lab.path('touched');
    for (const attack of [
      'GRANT ALL ON *.* TO x@y;',
      '/*!50000 DROP DATABASE mysql */;',
      `\\! touch ${touched}`,
      `SET @x = 1 \\! touch ${touched}\n;`,
      'USE mysql;',
      'CREATE TABLE mysql.evil (id INT);',
      "SET PASSWORD FOR root@localhost = 'x';",
      'CREATE OR REPLACE USER evil@localhost;',
    ]) {
      writeFileSync(file, `${attack}\n${whole}`);
      const context = lab.restoring({ database: 'shop' });
      await expect(mariadb.restore?.apply(context), attack).rejects.toThrow(/holds what no dump|Unknown command/);
      expect(readdirSync(lab.path('kept')).length > 0, attack).toBe(attack.startsWith('SET @x'));
      await mariadb.restore?.revert(context);
      expect(lab.state()).toEqual(before);
      rmSync(lab.path('kept'), { recursive: true });
      mkdirSync(lab.path('kept'));
    }
    expect(readdirSync(lab.root)).not.toContain('touched');
  });
});
