// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { withInstanceLock } from '../../packages/common/src/instance-lock.ts';
import { bundle } from '../helpers/bundle.ts';

/** Rounds of eight contenders that meet at a dead lock; the design asks for 1,000, which takes about four minutes. */
const ROUNDS = Number(process.env.LOCK_ROUNDS ?? 60);

const CONTENDERS = 8;

interface Answer {
  readonly result: 'won' | 'locked' | 'failed' | 'released' | 'awake';
  readonly detail: string;
}

interface Contender {
  readonly pid: number;
  readonly order: (order: object) => void;
  /** The next answer that has not been asked for yet. */
  readonly answer: () => Promise<Answer>;
  readonly kill: () => Promise<void>;
}

let program: string;
let directory: string;
let path: string;
let contenders: Contender[] = [];

beforeAll(async () => {
  const home = await mkdtemp(join(tmpdir(), 'lock-program-'));
  program = join(home, 'contender.mjs');
  await bundle("import './test/fixtures/lock-contender.ts';", program);
});

afterAll(async () => {
  await rm(join(program, '..'), { recursive: true });
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lock-'));
  path = join(directory, 'program.lock');
});

afterEach(async () => {
  await Promise.all(contenders.map((contender) => contender.kill()));
  contenders = [];
  await rm(directory, { recursive: true });
});

function start(): Contender {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const contender = talkTo(child);
  contenders.push(contender);
  return contender;
}

function talkTo(child: ChildProcessByStdio<Writable, Readable, null>): Contender {
  const answers: Answer[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => answers.push(JSON.parse(line)));
  const ended = once(child, 'close');
  return {
    pid: child.pid ?? 0,
    order: (order) => void child.stdin.write(`${JSON.stringify(order)}\n`),
    answer: async () => {
      await vi.waitFor(() => expect(answers).not.toHaveLength(0), { timeout: 20_000, interval: 5 });
      return answers.shift() as Answer;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

const take = (contender: Contender, lock = path) => contender.order({ take: lock, witness: `${lock}.witness` });

/** Leaves a lock whose owner was killed while it held it. */
async function leaveDeadLock(): Promise<void> {
  const victim = start();
  take(victim);
  expect(await victim.answer()).toMatchObject({ result: 'won' });
  await victim.kill();
  await rm(`${path}.witness`);
}

describe('withInstanceLock', () => {
  it('refuses a second instance and leaves the first alone', async () => {
    const [first, second] = [start(), start()];
    take(first);
    expect(await first.answer()).toMatchObject({ result: 'won' });
    take(second);
    expect(await second.answer()).toEqual({
      result: 'locked',
      detail: `[contender] Another instance is already running (PID ${first.pid}). Exiting.`,
    });
    first.order({ release: true });
    expect(await first.answer()).toMatchObject({ result: 'released' });
    take(second);
    expect(await second.answer()).toMatchObject({ result: 'won' });
  });

  it('starts at once when the holder was killed', async () => {
    await leaveDeadLock();
    const next = start();
    const before = performance.now();
    take(next);
    expect(await next.answer()).toMatchObject({ result: 'won' });
    // proper-lockfile alone would wait until the lock is stale, 30 s.
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it(
    `lets one of ${CONTENDERS} contenders in when they meet at a dead lock, in each of ${ROUNDS} rounds`,
    async () => {
      await leaveDeadLock();
      const dead = join(directory, 'dead');
      await cp(path, dead, { recursive: true, verbatimSymlinks: true });
      const group = Array.from({ length: CONTENDERS }, start);
      const winners: Record<number, number> = {};
      for (let round = 0; round < ROUNDS; round++) {
        const lock = join(directory, `round-${round}`);
        await cp(dead, lock, { recursive: true, verbatimSymlinks: true });
        for (const contender of group) take(contender, lock);
        const answers = await Promise.all(group.map((contender) => contender.answer()));
        expect(answers.filter(({ result }) => result === 'failed')).toEqual([]);
        const won = group.filter((_, index) => answers[index]?.result === 'won');
        winners[won.length] = (winners[won.length] ?? 0) + 1;
        for (const winner of won) winner.order({ release: true });
        await Promise.all(won.map((winner) => winner.answer()));
        await rm(lock, { recursive: true });
      }
      expect(winners).toEqual({ 1: ROUNDS });
    },
    60_000 + ROUNDS * 1_000,
  );

  it('keeps its lock while the holder stands still for longer than the stale time', async () => {
    const [holder, other] = [start(), start()];
    take(holder);
    expect(await holder.answer()).toMatchObject({ result: 'won' });
    holder.order({ block: 7_000 });
    let awake = false;
    const awakening = holder.answer().then(({ result }) => {
      awake = result === 'awake';
    });
    while (!awake) {
      take(other);
      expect(await other.answer()).toMatchObject({ result: 'locked' });
      await Promise.race([awakening, delay(100)]);
    }
    holder.order({ release: true });
    expect(await holder.answer()).toMatchObject({ result: 'released' });
  });

  it('ends the work when the lock is lost, and says so', async () => {
    const holder = start();
    take(holder);
    expect(await holder.answer()).toMatchObject({ result: 'won' });
    await rm(path, { recursive: true });
    expect(await holder.answer()).toMatchObject({
      result: 'failed',
      detail: expect.stringContaining('was taken away'),
    });
    expect(existsSync(`${path}.witness`)).toBe(false);
  });

  it('says so too when the loss shows only at the end', async () => {
    const work = async () => {
      await rm(path, { recursive: true });
      return 'done';
    };
    await expect(withInstanceLock(path, 'test', work)).rejects.toThrow('was taken away');
  });

  it('returns what the work returns, throws what it throws, and is free after both', async () => {
    expect(await withInstanceLock(path, 'test', async () => 42)).toBe(42);
    const failure = new Error('work failed');
    await expect(withInstanceLock(path, 'test', () => Promise.reject(failure))).rejects.toBe(failure);
    expect(await withInstanceLock(path, 'test', async () => 43)).toBe(43);
  });

  it('does not grow', async () => {
    for (let turn = 0; turn < 20; turn++) await withInstanceLock(path, 'test', async () => undefined);
    expect((await readdir(path)).length).toBeLessThan(12);
  });

  it.each([
    ['a process that has this pid now but is another one', { startTime: '1' }, true],
    ['a process of the time before the last boot', { bootId: 'before' }, true],
    ['this very process', {}, false],
    ['a process in another container that shows no sign of life', { pidNamespace: 'pid:[1]' }, true],
  ])('judges %s', async (_name, change, free) => {
    await withInstanceLock(path, 'test', async () => {
      const [number] = (await readdir(path)).filter((name) => /^\d+$/.test(name));
      const copy = `${path}-copy`;
      await mkdir(copy);
      const owner = JSON.parse(await readlink(join(path, number ?? '')));
      await symlink(JSON.stringify({ ...owner, ...change }), join(copy, '1'));
      const attempt = withInstanceLock(copy, 'test', async () => 'in');
      if (free) expect(await attempt).toBe('in');
      else await expect(attempt).rejects.toThrow(`(PID ${process.pid})`);
    });
  });

  it('believes the heartbeat of a process in another container', async () => {
    await mkdir(join(path, 'alive'), { recursive: true });
    await symlink('not of ours', join(path, '1'));
    await expect(withInstanceLock(path, 'test', async () => 'in')).rejects.toThrow(
      'Another instance is already running',
    );
  });

  it('says what is wrong with the path', async () => {
    await writeFile(path, '');
    await expect(withInstanceLock(path, 'test', async () => 'in')).rejects.toThrow('must be a directory');
  });
});
