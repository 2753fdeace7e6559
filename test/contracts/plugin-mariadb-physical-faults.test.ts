// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Memo } from '../../packages/client/src/plugin.ts';
import { mariadb } from '../../packages/client/src/plugins/mariadb/index.ts';
import { MariadbLab } from '../helpers/mariadb-lab.ts';
import { startUnitMariadb } from '../helpers/mariadb-unit.ts';
import { pluginContext } from '../helpers/plugin-context.ts';

const lab = new MariadbLab(mariadb, startUnitMariadb);
const PATH = process.env.PATH;
const PHYSICAL = { database: 'all', physical: true };
/** Where nothing answers, the directory of this machine's own server would be restored. */
const restorable = () => ({ ...PHYSICAL, datadir: lab.server.data });
const TABLE = 'CREATE TABLE a (id INT PRIMARY KEY, t TEXT) ENGINE=InnoDB; INSERT INTO a VALUES (1, REPEAT(1, 1000));';

beforeEach(() => {
  process.env.PATH = `${lab.server.bin}:${PATH}`;
  lab.create('shop', TABLE);
});

afterEach(() => {
  process.env.PATH = PATH;
  lab.server.systemctl('start');
  lab.server.clean();
});

const contextFor = (options: object) =>
  pluginContext(mariadb, { options: lab.options({ ...PHYSICAL, ...options }), stage: lab.path('stage') });
const validate = async (options: object = {}) => mariadb.validate?.(contextFor(options));
const besides = () => readdirSync(lab.server.directory).filter((name) => name.startsWith('data.'));

/** In front of the PATH; `$REAL` is the real program's path. */
const standIn = (name: string, script: string) => {
  mkdirSync(lab.path('bin'), { recursive: true });
  const real = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
  writeFileSync(lab.path(`bin/${name}`), `#!/bin/bash\nREAL='${real}'\n${script}\n`, { mode: 0o755 });
  process.env.PATH = `${lab.path('bin')}:${lab.server.bin}:${PATH}`;
};

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

describe('restoring', () => {
  const restore = mariadb.restore;
  const plan = async (options: object = {}, more = {}) =>
    restore?.plan(lab.restoring({ ...restorable(), ...options }, more));

  it('refuses another name, an older server, a mount point, any other directory, and a server of another unit', async () => {
    await lab.save(PHYSICAL);
    await expect(plan({}, { as: 'copy' })).rejects.toThrow('a physical copy is a whole server');
    mkdirSync(lab.path('other'));
    writeFileSync(lab.path('other/file'), '');
    await expect(plan({ datadir: lab.path('other') })).rejects.toThrow('is no data directory of a server');
    mkdirSync(lab.path('mounted'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', lab.path('mounted')]);
    await expect(plan({ datadir: lab.path('mounted') })).rejects.toThrow(/A file system is mounted on .*by hand/);
    execFileSync('umount', [lab.path('mounted')]);
    standIn('mariadbd', 'echo "mariadbd  Ver 10.3.39-MariaDB for Linux"');
    await expect(plan()).rejects.toThrow('the server here is 10.3.39-MariaDB, which cannot read newer files');
    rmSync(lab.path('bin/mariadbd'));
    const unit = { unit: 'other.service' };
    expect((await plan(unit))?.[0]?.what).toMatch(/is open in mariadbd \(process \d+\), which is not the unit other/);
    const context = lab.restoring({ ...restorable(), ...unit });
    await restore?.stop?.(context);
    await expect(restore?.apply(context)).rejects.toThrow('set `unit` to the unit that runs it');
    expect(lab.databases()).toEqual(['shop']);
  });

  it('puts back what there was, wherever it was killed', async () => {
    await lab.save(PHYSICAL);
    lab.server.sql('INSERT INTO a VALUES (2, NULL)', 'shop');
    const before = lab.state();
    const memos: Memo[] = [];
    const context = lab.restoring(restorable());
    const remember = async (memo: Memo) => {
      memos.push(JSON.parse(JSON.stringify(memo)));
      await context.remember(memo);
    };
    await restore?.stop?.({ ...context, remember });
    await restore?.apply({ ...context, remember });
    const [stopped, begun, applied] = memos;
    const { data } = lab.server;
    const [aside = ''] = besides();
    const fresh = join(lab.server.directory, aside.replace('.kept-', '.new-'));
    expect(basename(fresh)).not.toBe(aside);
    /** Undoes it as the next run would, from a memo. */
    const undo = async (memo: Memo | undefined) => {
      const later = lab.restoring(restorable(), memo === undefined ? {} : { memo });
      await restore?.revert(later);
      await restore?.revert(later);
      await restore?.start?.(later);
      expect(lab.state()).toEqual(before);
      expect(besides()).toEqual([]);
      expect(readdirSync(lab.path('kept'))).toEqual([]);
      lab.server.systemctl('stop');
    };
    // Between the two moves, with a server that has made something of its own there.
    renameSync(data, fresh);
    mkdirSync(data);
    await undo(begun);
    // When half of the copy was made.
    mkdirSync(fresh);
    await undo(begun);
    // Before anything was moved.
    await undo(stopped);
    // When all was done.
    const again = lab.restoring(restorable());
    await restore?.stop?.(again);
    await restore?.apply(again);
    expect(Object.keys(applied ?? {})).toEqual(Object.keys(again.remembered() ?? {}));
    lab.server.systemctl('start');
    expect(lab.server.sql('SELECT COUNT(*) FROM a', 'shop')).toBe('1\n');
    await undo({ ...again.remembered(), start: ['mariadb.service'] });
  });

  it('starts the server on an empty host, where none ran and nothing was there', async () => {
    await lab.save(PHYSICAL);
    const before = lab.state();
    lab.server.systemctl('stop');
    rmSync(lab.server.data, { recursive: true });
    const context = lab.restoring(restorable());
    const steps = await restore?.plan(context);
    expect(steps?.map(({ action }) => action)).toEqual(['replace', 'start']);
    await restore?.stop?.(context);
    await restore?.apply(context);
    await restore?.start?.(context);
    expect(lab.state()).toEqual(before);
  });

  it('says that a server does not start with what was put back, and takes it back', async () => {
    await lab.save(PHYSICAL);
    const context = lab.restoring(restorable());
    await restore?.stop?.(context);
    await restore?.apply(context);
    writeFileSync(join(lab.server.data, 'ibdata1'), 'x'.repeat(16_384));
    await expect(restore?.start?.(context)).rejects.toThrow(/systemctl failed.*journalctl -u mariadb\.service/s);
    await restore?.revert(context);
    await restore?.start?.(context);
    expect(lab.databases()).toEqual(['shop']);
  });
});
