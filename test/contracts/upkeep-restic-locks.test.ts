// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Upkeep } from '../../packages/server/src/stores/upkeep.ts';
import type { ResticLab } from '../helpers/restic-lab.ts';
import { createResticTemplate, type ResticTemplate, TEMPLATE_HOST } from '../helpers/restic-template.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';

const never = new AbortController().signal;
const ALL = { kind: 'all' } as const;
/** So that a check is still at work when this process comes to look at it. */
const SLOW = ['--limit-download', '1500'];

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

describe.each(RESTIC_SERIES)('locks and kill -9 with restic %s', (series) => {
  let template: ResticTemplate;
  let lab: ResticLab;
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    template = await createResticTemplate(series);
    lab = template.lab;
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => lab.remove());

  let copies = 0;
  const newCopy = (changed: Parameters<ResticLab['upkeep']>[1] = {}) => {
    copies += 1;
    const name = `copy${copies}`;
    const repository = template.copyTo(name);
    const upkeep = lab.upkeep(name, { host: TEMPLATE_HOST, ...changed });
    return { name, repository, upkeep, forge: template.forge.at(repository) };
  };
  /** A program beside the server, on the repository of a copy. */
  const start = (name: string, program: string, ...args: readonly string[]) => {
    const { repository, cacheDirectory } = lab.options(name);
    const env = {
      ...{ PATH: process.env.PATH, RESTIC_REPOSITORY: repository, RESTIC_CACHE_DIR: cacheDirectory },
      RESTIC_PASSWORD_FILE: lab.passwordOf(name),
    };
    const child = spawn(program, args, { env, stdio: 'ignore' });
    children.push(child);
    return { child, ended: once(child, 'exit') };
  };
  /** One more lock than there was, by a restic that is at work on the repository and stopped. */
  const startLocked = async (name: string, ...command: readonly [string, ...string[]]) => {
    const before = lab.locks(name).length;
    const started = start(name, ...command);
    while (lab.locks(name).length === before) {
      if (started.child.exitCode !== null) throw new Error('restic ended before it was seen to lock the repository');
      await sleep(2);
    }
    started.child.kill('SIGSTOP');
    return {
      ...started,
      kill: async () => {
        started.child.kill('SIGKILL');
        await started.ended;
      },
    };
  };
  const idsOf = async (upkeep: Upkeep) => (await upkeep.judge(['--keep-last', '1'], never)).map(({ id }) => id);

  test('the lock of a living restic stays, that of one that was killed goes', async () => {
    const { name, upkeep } = newCopy();
    const { child, kill } = await startLocked(name, lab.program, 'check', '--read-data', ...SLOW);
    const facts = { hostname: hostname(), username: 'root', exclusive: true };
    expect(await upkeep.locks(never)).toMatchObject([{ ...facts, pid: child.pid, isOursAndDead: false }]);
    expect(await upkeep.removeDeadLocks(never)).toMatchObject({ removed: [], left: [{ pid: child.pid }] });
    expect(await idsOf(upkeep)).toHaveLength(3);
    expect((await upkeep.size(never)).bytes).toBeGreaterThan(9_000_000);
    await expect(upkeep.forget(await idsOf(upkeep), never)).rejects.toMatchObject({ code: 'locked' });
    await expect(upkeep.prune(never)).rejects.toMatchObject({ code: 'locked' });
    await expect(upkeep.check(ALL, [], never)).rejects.toMatchObject({ code: 'locked' });
    await kill();
    expect(await upkeep.locks(never)).toMatchObject([{ pid: child.pid, isOursAndDead: true }]);
    expect(await upkeep.removeDeadLocks(never)).toMatchObject({ removed: [{ pid: child.pid }], left: [] });
    expect(lab.locks(name)).toEqual([]);
    expect(await upkeep.check(ALL, [], never)).toEqual({ problems: [] });
  });

  test('the lock of another machine stays, whatever happens to ours', async () => {
    const { name, upkeep, forge } = newCopy();
    const elsewhere = `hostname elsewhere && exec ${lab.program} check --read-data ${SLOW.join(' ')}`;
    const other = await startLocked(name, 'unshare', '--uts', 'sh', '-c', elsewhere);
    await other.kill();
    expect(await upkeep.locks(never)).toMatchObject([{ hostname: 'elsewhere', isOursAndDead: false }]);
    expect(await upkeep.removeDeadLocks(never)).toMatchObject({ removed: [], left: [{ hostname: 'elsewhere' }] });
    forge.lock({ time: minutesAgo(1), hostname: hostname(), pid: await pidOfNobody(), exclusive: false });
    expect(await upkeep.removeDeadLocks(never)).toMatchObject({
      removed: [{ hostname: hostname(), exclusive: false }],
      left: [{ hostname: 'elsewhere' }],
    });
    expect(lab.locks(name)).toHaveLength(1);
  });

  test('a lock of another machine that restic would call stale keeps all of them in place', async () => {
    const { name, upkeep, forge } = newCopy();
    forge.lock({ time: minutesAgo(40), hostname: 'elsewhere', pid: 1, exclusive: false });
    forge.lock({ time: minutesAgo(1), hostname: hostname(), pid: await pidOfNobody(), exclusive: false });
    const { removed, left } = await upkeep.removeDeadLocks(never);
    expect(removed).toEqual([]);
    expect(left.map(({ isOursAndDead }) => isOursAndDead).sort()).toEqual([false, true]);
    expect(lab.locks(name)).toHaveLength(2);
  });

  test('a process that was given the number of a dead one gets no signal', async () => {
    const { name, upkeep, forge } = newCopy();
    // SIGHUP, which restic unlock sends, would end it.
    const { child } = start(name, 'sleep', '600');
    const lock = { hostname: hostname(), pid: child.pid ?? 0, exclusive: true };
    forge.lock({ ...lock, time: minutesAgo(5) });
    expect(await upkeep.removeDeadLocks(never)).toMatchObject({ removed: [], left: [{ isOursAndDead: true }] });
    forge.lock({ time: minutesAgo(1), hostname: hostname(), pid: await pidOfNobody(), exclusive: false });
    expect((await upkeep.removeDeadLocks(never)).left).toHaveLength(2);
    expect(child.signalCode).toBe(null);

    const old = newCopy();
    old.forge.lock({ ...lock, time: minutesAgo(40) });
    expect(await old.upkeep.removeDeadLocks(never)).toMatchObject({ removed: [{ isOursAndDead: true }], left: [] });
    expect(child.signalCode).toBe(null);
  });

  test('a lock that its owner removes while it is looked at is none', async () => {
    const program = join(mkdtempSync(join(lab.directory, 'bin-')), 'restic');
    const vanish = `[ "$1 $2" = "cat lock" ] && rm -f "$RESTIC_REPOSITORY/locks/$3" && echo "open: no such file" >&2 && exit 1`;
    writeFileSync(program, `#!/bin/sh\n${vanish}\nexec ${lab.program} "$@"\n`, { mode: 0o755 });
    const { upkeep, forge } = newCopy({ program });
    forge.lock({ time: minutesAgo(1), hostname: 'elsewhere', pid: 7, exclusive: false });
    expect(await upkeep.removeDeadLocks(never)).toEqual({ removed: [], left: [] });
  });

  test('a lock that cannot be read is told, and stays', async () => {
    const { name, repository, upkeep } = newCopy();
    writeFileSync(join(repository, 'locks', 'ab'.repeat(32)), '');
    await expect(upkeep.removeDeadLocks(never)).rejects.toThrow(/lock abab.* cannot be read.*--remove-all/s);
    expect(lab.locks(name)).toHaveLength(1);
  });

  test('prune may be killed at any moment', async () => {
    const { name, upkeep } = newCopy();
    const [first = '', second = '', third] = await idsOf(upkeep);
    await upkeep.forget([first, second], never);
    for (const delay of [150, 250, 350, 450]) {
      const { child, ended } = start(name, lab.program, 'prune');
      await sleep(delay);
      child.kill('SIGKILL');
      await ended;
      expect((await upkeep.removeDeadLocks(never)).left).toEqual([]);
      expect(await upkeep.check(ALL, [], never)).toEqual({ problems: [] });
    }
    await upkeep.prune(never);
    expect(await upkeep.check(ALL, [], never)).toEqual({ problems: [] });
    expect(await idsOf(upkeep)).toEqual([third]);
    expect((await upkeep.size(never)).bytes).toBeLessThan(4_000_000);
  });

  test('forget may be killed at any moment', async () => {
    const { name, repository, upkeep, forge } = newCopy();
    const stay = new Set(await idsOf(upkeep));
    const go = Array.from({ length: 150 }, (_none, index) => {
      return forge.snapshot({ time: minutesAgo(1_000 + index), hostname: TEMPLATE_HOST });
    });
    for (const delay of [200, 280, 360]) {
      const { child, ended } = start(name, lab.program, 'forget', ...go);
      await sleep(delay);
      child.kill('SIGKILL');
      await ended;
      expect((await upkeep.removeDeadLocks(never)).left).toEqual([]);
    }
    await upkeep.forget(go, never);
    expect(new Set(readdirSync(join(repository, 'snapshots')))).toEqual(stay);
    expect(await upkeep.check(ALL, [], never)).toEqual({ problems: [] });
  });

  test('after a check that was aborted, or took too long, the next one works', async () => {
    const { name, upkeep } = newCopy();
    const stop = new AbortController();
    const checking = upkeep.check(ALL, SLOW, stop.signal);
    const ended = checking.then(
      () => 'ended',
      () => 'failed',
    );
    while (lab.locks(name).length === 0) {
      expect(await Promise.race([ended, sleep(2, 'running')])).toBe('running');
    }
    stop.abort(new Error('stopped by the test'));
    await expect(checking).rejects.toThrow(/stopped by the test/);
    // restic 0.14 leaves the lock where it is interrupted in the moment between writing it and remembering it.
    expect((await upkeep.removeDeadLocks(never)).left).toEqual([]);
    const hurried = lab.upkeep(name, { host: TEMPLATE_HOST, timeouts: { queryMs: 60_000, upkeepMs: 1_000 } });
    await expect(hurried.check(ALL, SLOW, never)).rejects.toThrow(/within 1 s/);
    expect((await upkeep.removeDeadLocks(never)).left).toEqual([]);
    expect(await upkeep.check({ kind: 'none' }, [], never)).toEqual({ problems: [] });
  });
});

/** The number of a process that has ended. */
async function pidOfNobody(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid ?? 0;
}
