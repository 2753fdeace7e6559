// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Memo } from '../../packages/client/src/plugin.ts';
import { whoHasOpen } from '../../packages/client/src/plugin-tools/open-files.ts';
import { mariadb } from '../../packages/client/src/plugins/mariadb/index.ts';
import { MariadbLab } from '../helpers/mariadb-lab.ts';
import { startUnitMariadb, usePrograms } from '../helpers/mariadb-unit.ts';

const lab = new MariadbLab(mariadb, startUnitMariadb);
const PHYSICAL = { database: 'all', physical: true };
const TABLE = 'CREATE TABLE a (id INT PRIMARY KEY, t TEXT) ENGINE=InnoDB; INSERT INTO a VALUES (1, REPEAT(1, 1000));';
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const { restore } = mariadb;
const { standIn } = usePrograms(lab);

beforeEach(async () => {
  lab.create('shop', TABLE);
  const saved = join(lab.server.directory, 'saved');
  if (!existsSync(saved)) {
    await lab.save(PHYSICAL);
    execFileSync('cp', ['-a', lab.path('stage'), saved]);
  } else execFileSync('cp', ['-a', `${saved}/.`, lab.path('stage')]);
});

const besides = () => readdirSync(lab.server.directory).filter((name) => name.startsWith('data.'));
const restoring = (options: object = {}, more = {}) => lab.restoring({ ...PHYSICAL, ...options }, more);
const plan = async (options: object = {}, more = {}) => restore?.plan(restoring(options, more));

describe('a plan', () => {
  it('refuses another name, an older server, a mount point, any other directory, and a server of another unit', async () => {
    await expect(plan({}, { as: 'copy' })).rejects.toThrow('a physical copy is a whole server');
    mkdirSync(lab.path('other'));
    writeFileSync(lab.path('other/file'), '');
    const other = plan({ datadir: lab.path('other') });
    await expect(other).rejects.toThrow(
      /The server that answers has its data in \S*\/data, not in .*is no data directory of a server/s,
    );
    mkdirSync(lab.path('mounted'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', lab.path('mounted')]);
    await expect(plan({ datadir: lab.path('mounted') }))
      .rejects.toThrow(/A file system is mounted on .*by hand/)
      .finally(() => execFileSync('umount', [lab.path('mounted')]));
    standIn('mariadbd', 'echo "mariadbd  Ver 10.3.39-MariaDB for Linux"');
    await expect(plan()).rejects.toThrow('the server here is 10.3.39-MariaDB, which cannot read newer files');
    standIn('mariadbd', 'echo "mariadbd  Ver 99.1.0-MariaDB for Linux"');
    expect((await plan())?.at(-1)?.what).toMatch(/^The server here, 99\.1\.0-MariaDB, is newer .*mariadb-upgrade/);
    rmSync(lab.path('bin/mariadbd'));
    const unit = { unit: 'other.service' };
    expect((await plan(unit))?.[0]?.what).toMatch(/is open in mariadbd \(process \d+\), which is not the unit other/);
    const context = restoring(unit);
    await restore?.stop?.(context);
    await expect(restore?.apply(context)).rejects.toThrow('set `unit` to the unit that runs it');
    expect(lab.databases()).toEqual(['shop']);
  });

  it('is never made by a test for the server of this machine', () => {
    for (const other of [{ datadir: '/var/lib/mysql' }, { datadir: undefined }, { unit: 'mariadb.service' }]) {
      expect(() => restoring(other)).toThrow();
    }
  });

  it('finds the data directory by the server or, where it does not run, by its configuration', async () => {
    // A plan changes nothing, so it may look for the one of whatever server there is.
    const { options, ...context } = restoring();
    const unnamed = { ...context, options: { ...(options as object), datadir: undefined } };
    expect(await restore?.plan(unnamed)).toEqual(await plan());
    lab.server.systemctl('stop');
    standIn(
      'mariadbd',
      `[ "$1" = --no-defaults ] || set -- --no-defaults --datadir='${lab.server.data}' "$@"; exec "$REAL" "$@"`,
    );
    expect(await restore?.plan(unnamed)).toEqual(await plan());
  });
});

/** What it remembers, one after the other. */
function watched(context: ReturnType<typeof restoring>, then: (memo: Memo) => unknown = () => undefined) {
  const memos: Memo[] = [];
  const remember = async (memo: Memo) => {
    memos.push(JSON.parse(JSON.stringify(memo)));
    await context.remember(memo);
    then(memo);
  };
  return { memos, context: { ...context, remember } };
}

describe('reverting', () => {
  it('puts back what there was, wherever it was killed', async () => {
    lab.server.sql('INSERT INTO a VALUES (2, NULL)', 'shop');
    const before = lab.state();
    const { memos, context } = watched(restoring());
    await restore?.stop?.(context);
    await restore?.apply(context);
    const [stopped, begun, copied] = memos;
    const { data } = lab.server;
    const [aside = ''] = besides();
    const fresh = join(lab.server.directory, aside.replace('.kept-', '.new-'));
    expect(basename(fresh)).not.toBe(aside);
    /** Undoes it as the next run would, from a memo. */
    const undo = async (memo: Memo | undefined) => {
      const later = restoring({}, memo === undefined ? {} : { memo });
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
    await undo(copied);
    // When half of the copy was made.
    mkdirSync(fresh);
    await undo(begun);
    // Before anything was moved.
    await undo(stopped);
    // When all was done.
    const again = restoring();
    await restore?.stop?.(again);
    await restore?.apply(again);
    lab.server.systemctl('start');
    expect(lab.server.sql('SELECT COUNT(*) FROM a', 'shop')).toBe('1\n');
    await undo({ ...again.remembered(), start: [lab.server.own.unit] });
  });

  it('says that a server does not start with what was put back, and takes it back', async () => {
    const context = restoring();
    await restore?.stop?.(context);
    await restore?.apply(context);
    writeFileSync(join(lab.server.data, 'ibdata1'), 'x'.repeat(16_384));
    await expect(restore?.start?.(context)).rejects.toThrow(/systemctl failed.*journalctl -u mdu-\w+\.service/s);
    await restore?.revert(context);
    await restore?.start?.(context);
    expect(lab.databases()).toEqual(['shop']);
  });

  it('is what is left where something starts the server while the copy is made', async () => {
    lab.server.sql('INSERT INTO a VALUES (2, NULL)', 'shop');
    const before = lab.state();
    const { context } = watched(restoring(), ({ swap }) => {
      if (swap !== null) lab.server.systemctl('start');
    });
    await restore?.stop?.(context);
    await expect(restore?.apply(context)).rejects.toThrow(/is open in mariadbd \(process \d+\)/);
    await restore?.revert(context);
    await restore?.start?.(context);
    expect([lab.state(), besides()]).toEqual([before, []]);
  });
});

describe('the server', () => {
  it('is started on an empty host, where none ran and nothing was there', async () => {
    const before = lab.state();
    lab.server.systemctl('stop');
    rmSync(lab.server.data, { recursive: true });
    const context = restoring();
    const steps = await restore?.plan(context);
    expect(steps?.map(({ action }) => action)).toEqual(['replace', 'start']);
    await restore?.stop?.(context);
    await restore?.apply(context);
    await restore?.start?.(context);
    expect(lab.state()).toEqual(before);
    lab.server.systemctl('stop');
    await restore?.revert(context);
    expect([existsSync(lab.server.data), besides()]).toEqual([false, []]);
    await restore?.apply(context);
  });

  it('has its socket closed too, which would start it again', async () => {
    const { listens, own } = lab.server;
    writeFileSync(listens, '');
    const context = restoring();
    expect((await restore?.plan(context))?.[0]?.what).toBe(`unit ${own.unit.replace('service', 'socket')} ${own.unit}`);
    await restore?.stop?.(context);
    expect(existsSync(listens)).toBe(false);
    await restore?.apply(context);
    await restore?.start?.(context);
    expect(existsSync(listens)).toBe(true);
    expect(lab.databases()).toEqual(['shop']);
  });

  it('counts only where it runs with what was put back', async () => {
    lab.server.systemctl('stop');
    const datadir = lab.path('other');
    mkdirSync(datadir);
    writeFileSync(join(datadir, 'ibdata1'), '');
    const context = restoring({ datadir });
    await restore?.stop?.(context);
    await restore?.apply(context);
    await restore?.start?.(context);
    // It answers, and has databases of the same names.
    expect(lab.databases()).toEqual(['shop']);
    const unknown = restoring({ datadir, unit: 'none.service' }, { memo: context.remembered() });
    const checks = await Promise.all([context, unknown].map((one) => restore?.verify?.(one)));
    expect(checks.flat()).toMatchObject([
      { status: 'failed', message: expect.stringContaining(`does not use ${datadir}`) },
      { status: 'skipped', message: expect.stringContaining('there is no unit none.service: start it') },
    ]);
  });

  it('is seen by its locks where nobody may see what it has open, as in local-backup.service', async () => {
    const script = lab.path('look.ts');
    const source = join(REPOSITORY, 'packages/client/src/plugin-tools/open-files.ts');
    const print = 'console.log((await whoHasOpen(process.argv.slice(2))).join());';
    writeFileSync(script, `import { whoHasOpen } from '${source}';\n${print}\n`);
    const held = join(lab.server.data, 'ibdata1');
    const look = [process.execPath, 'scripts/run-ts.mjs', script, held];
    const without = ['--bounding-set=-sys_ptrace', '--inh-caps=-sys_ptrace', ...look];
    const seen = execFileSync('setpriv', without, { cwd: REPOSITORY, encoding: 'utf8' }).trim();
    expect(seen).toMatch(/^mariadbd \(process \d+\)$/);
    expect(await whoHasOpen([held])).toEqual([seen]);
    const pid = /\d+/.exec(seen)?.[0] ?? '';
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain(lab.server.data);
  });
});
