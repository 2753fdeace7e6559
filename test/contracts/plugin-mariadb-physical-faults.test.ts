// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { mariadb } from '../../packages/client/src/plugins/mariadb/index.ts';
import { MariadbLab } from '../helpers/mariadb-lab.ts';
import { startUnitMariadb, usePrograms } from '../helpers/mariadb-unit.ts';
import { pluginContext } from '../helpers/plugin-context.ts';

const lab = new MariadbLab(mariadb, startUnitMariadb);
const PHYSICAL = { database: 'all', physical: true };
const TABLE = 'CREATE TABLE a (id INT PRIMARY KEY, t TEXT) ENGINE=InnoDB; INSERT INTO a VALUES (1, REPEAT(1, 1000));';

const { standIn } = usePrograms(lab);

beforeEach(() => lab.create('shop', TABLE));

const contextFor = (options: object) =>
  pluginContext(mariadb, { options: lab.options({ ...PHYSICAL, ...options }), stage: lab.path('stage') });
const validate = async (options: object = {}) => mariadb.validate?.(contextFor(options));
describe('what is wrong is said before a run', () => {
  it('a program of another series', async () => {
    standIn('mariadb-backup', '[ "$1" = --version ] && { echo "based on MariaDB server 10.3.39-MariaDB" >&2; exit; }');
    await expect(validate()).rejects.toThrow(/mariadb-backup is 10\.3\.39\S*, the server 1\S+: install the package/);
  });

  it('a server that does not run, and a login that is refused', async () => {
    await expect(validate({ socket: lab.path('none') })).rejects.toThrow(/cannot be reached.*systemctl status/);
    lab.server.sql("CREATE USER backup@localhost IDENTIFIED BY 'right-one'; GRANT RELOAD ON *.* TO backup@localhost");
    const login = (password: string) => {
      writeFileSync(lab.path('my.cnf'), `[client]\nuser=backup\npassword=${password}\n`, { mode: 0o600 });
      chmodSync(lab.root, 0o700);
      return { defaults_file: lab.path('my.cnf') };
    };
    const failure = await validate(login('wrong-one')).catch((error: Error) => error.message);
    expect(failure).toMatch(/refused the login/);
    expect(failure).not.toContain('wrong-one');
    await expect(validate(login('right-one'))).rejects.toThrow(
      "The account lacks rights: GRANT PROCESS, LOCK TABLES, BINLOG MONITOR ON *.* TO 'backup'@'localhost'",
    );
    lab.server.sql('GRANT PROCESS, LOCK TABLES, BINLOG MONITOR ON *.* TO backup@localhost');
    expect(await validate(login('right-one'))).toEqual([]);
    await lab.save({ ...PHYSICAL, ...login('right-one') });
    expect((await lab.verify(PHYSICAL, 'quick')).map(({ status }) => status)).toEqual(['ok', 'ok']);
  });

  it('tables that are not copied, and files that lie elsewhere', async () => {
    lab.server.sql('CREATE TABLE mem (a INT) ENGINE=MEMORY', 'shop');
    expect((await validate())?.join()).toMatch(/engine MEMORY are not in a physical copy: shop\.mem\./);
    mkdirSync(lab.path('elsewhere'));
    execFileSync('chown', ['mysql', lab.path('elsewhere')]);
    lab.server.sql(`CREATE TABLE far (a INT) ENGINE=InnoDB DATA DIRECTORY='${lab.path('elsewhere')}'`, 'shop');
    await expect(validate()).rejects.toThrow(/shop\/far\.isl: a table lies outside of the data directory/);
  });
});

describe('half a copy is no copy', () => {
  it.each([
    ['ends early without an error', '[ "$1" = --version ] && exec "$REAL" "$@"; exit 0', /did not say `completed OK!`/],
    ['is killed', '[ "$1" = --version ] && exec "$REAL" "$@"; kill -9 $$', /mariadb-backup/],
    [
      'cannot prepare it',
      '[ "$1" = --prepare ] && exit 7; exec "$REAL" "$@"',
      /mariadb-backup failed with exit code 7/,
    ],
    [
      'loses a table',
      '"$REAL" "$@" || exit; for d in "$@"; do case $d in --target-dir=*) rm -f "${d#*=}/shop/a.frm" ;; esac; done',
      /it lacks table shop\.a/,
    ],
  ])('when the program %s', async (_, script, message) => {
    standIn('mariadb-backup', script);
    await expect(lab.save(PHYSICAL)).rejects.toThrow(message);
    expect(readdirSync(lab.path('stage'))).toEqual([]);
  });

  it('when there is no room, or the disk is full in the middle', async () => {
    mkdirSync(lab.path('small'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', lab.path('small')]);
    try {
      const context = pluginContext(mariadb, { options: lab.options(PHYSICAL), stage: lab.path('small') });
      await expect(mariadb.run(context)).rejects.toThrow(
        /No room for a physical copy of .*\/data: it takes .* are free/,
      );
      execFileSync('mount', ['-o', 'remount,size=100m', lab.path('small')]);
      const fill = `head -c 95m /dev/zero > '${lab.path('small/filled')}'`;
      standIn('mariadb-backup', `[ "$1" = --version ] || ${fill}; exec "$REAL" "$@"`);
      await expect(mariadb.run(context)).rejects.toThrow(/^No space left in .*small\/physical/);
      expect(readdirSync(lab.path('small'))).toEqual(['filled']);
    } finally {
      execFileSync('umount', [lab.path('small')]);
    }
  });

  it('when two tasks of a service make one', async () => {
    mkdirSync(lab.path('stage/physical'));
    await expect(lab.save(PHYSICAL)).rejects.toThrow('physical is there already: another task of this service');
    expect(existsSync(lab.path('stage/physical'))).toBe(true);
  });
});
