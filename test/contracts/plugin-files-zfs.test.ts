// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Memo } from '../../packages/client/src/plugin.ts';
import { files } from '../../packages/client/src/plugins/files/index.ts';
import type { Run } from '../../packages/common/src/exec.ts';
import { pluginContext } from '../helpers/plugin-context.ts';
import { savedNames } from '../helpers/saved-names.ts';
import { killedAfter, snapshotMounts } from '../helpers/snapshot-lab.ts';

/** There is one zfs-fuse on a machine: whoever comes second waits until the first has ended. */
const LOCK = '/usr/sbin/zfs-fuse';

let root: string;
let disk: string;
let pool: string;
let stage: string;
let daemon: ChildProcess;

const run = (...words: [string, ...string[]]) => {
  const [program, ...args] = words;
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
};

async function until(what: string, holds: () => boolean, seconds: number): Promise<void> {
  for (const end = Date.now() + seconds * 1000; !holds(); await sleep(50)) {
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
  }
}

function succeeds(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'files-zfs-')));
  disk = join(root, 'disk');
  pool = basename(root);
  const begun = join(root, 'begun');
  const script = 'touch "$0" && exec zfs-fuse --no-daemon --no-kstat-mount';
  daemon = spawn('flock', ['--no-fork', LOCK, 'sh', '-c', script, begun], { stdio: 'ignore' });
  await until('the lock', () => existsSync(begun), 100);
  await until('zfs-fuse', () => succeeds(() => run('zpool', 'list')), 60);
  const image = join(root, 'image');
  writeFileSync(image, '');
  truncateSync(image, 128 * 1024 * 1024);
  run('zpool', 'create', '-m', disk, pool, image);
}, 170_000);

afterAll(async () => {
  succeeds(() => run('zpool', 'destroy', '-f', pool));
  const isGone = () => daemon.exitCode !== null || daemon.signalCode !== null;
  daemon.kill();
  await until('the end of zfs-fuse', isGone, 30).catch(() => daemon.kill('SIGKILL'));
  rmSync(root, { recursive: true, force: true });
});

beforeEach(() => {
  stage = mkdtempSync(join(root, 'stage-'));
  run('zfs', 'create', `${pool}/srv`);
  run('zfs', 'create', `${pool}/srv/nested`);
  mkdirSync(join(disk, 'srv/app'));
  writeFileSync(join(disk, 'srv/app/data'), 'old');
  writeFileSync(join(disk, 'srv/nested/deep'), 'old');
});

afterEach(async () => {
  const left = leftovers();
  // It notices a little later that a file system has been unmounted.
  await until('the end of the datasets', () => succeeds(() => run('zfs', 'destroy', '-r', `${pool}/srv`)), 30);
  expect(left).toEqual([]);
});

/** Everything that could have been left behind. */
function leftovers(): string[] {
  const names = run('zfs', 'list', '-H', '-r', '-t', 'all', '-o', 'name', pool).split('\n');
  return [...snapshotMounts(pool), ...names.filter((name) => name.includes('local-backup'))];
}

function contextOf(given: { readonly memo?: Memo; readonly exec?: Run } = {}) {
  const options = { snapshot: 'zfs', paths: [join(disk, 'srv')], exclude: [join(disk, 'srv/app/*.tmp')] };
  return pluginContext(files, { options, stage, configDirectory: root, ...given });
}

it('reads what was there in prepare, datasets below the path included', async () => {
  const context = contextOf();
  expect(await files.validate?.(context)).toEqual([]);
  await files.prepare?.(context);
  writeFileSync(join(disk, 'srv/app/data'), 'new');
  rmSync(join(disk, 'srv/nested/deep'));
  const { trees = [], warnings, snapshot } = await files.run(context);
  expect({ warnings, snapshot }).toEqual({ warnings: [], snapshot: true });
  const path = (name: string) => join(disk, 'srv', name).slice(1);
  expect(trees.flatMap(savedNames)).toEqual(['', 'app', 'app/data', 'nested', 'nested/deep'].map(path));
  const at = (name: string) => readFileSync(join(trees[0]?.root ?? '', path(name)), 'utf8');
  expect([at('app/data'), at('nested/deep')]).toEqual(['old', 'old']);
  await files.post?.(context);
  expect(readFileSync(join(disk, 'srv/app/data'), 'utf8')).toBe('new');
});

it('may be killed between any two commands: `post` finds everything in what was on disk', async () => {
  for (let calls = 0; ; calls += 1) {
    const { exec, killed } = killedAfter(calls);
    const context = contextOf({ exec });
    await files.prepare?.(context).catch(() => undefined);
    const memo = JSON.parse(JSON.stringify(context.remembered() ?? null)) ?? undefined;
    await files.post?.(contextOf({ memo }));
    expect(leftovers(), `after ${calls} commands`).toEqual([]);
    if (!killed()) return expect(calls).toBeGreaterThan(12);
  }
});

it('finds what a run has left whose memo is lost, and leaves alone what is not its own', async () => {
  run('zfs', 'snapshot', `${pool}/srv@local-backup-00000000-00000000-00000000`);
  await files.prepare?.(contextOf());
  const context = contextOf();
  await files.prepare?.(context);
  const { warnings } = await files.run(context);
  expect(warnings).toEqual(
    ['srv', 'srv/nested'].map((name) =>
      expect.stringMatching(
        `^An earlier run had left the ZFS snapshot ${pool}/${name}@local-backup-.*: it was removed\\.$`,
      ),
    ),
  );
  await files.post?.(context);
  expect(leftovers()).toEqual([`${pool}/srv@local-backup-00000000-00000000-00000000`]);
  run('zfs', 'destroy', `${pool}/srv@local-backup-00000000-00000000-00000000`);
});
