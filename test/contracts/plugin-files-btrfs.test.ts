// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Memo } from '../../packages/client/src/plugin.ts';
import { files } from '../../packages/client/src/plugins/files/index.ts';
import { runClient } from '../../packages/client/src/run-client.ts';
import { BackupError } from '../../packages/common/src/errors.ts';
import type { Run } from '../../packages/common/src/exec.ts';
import { createClientLab } from '../helpers/client-lab.ts';
import { readTree } from '../helpers/file-tree.ts';
import { pluginContext, SERVICE_TYPE } from '../helpers/plugin-context.ts';
import { savedNames } from '../helpers/saved-names.ts';
import { killedAfter, refusing, snapshotMounts } from '../helpers/snapshot-lab.ts';
import { pluginContract } from './plugin.ts';

/** A file system on a loop device, mounted for all tests of this file. */
let root: string;
let disk: string;
let stage: string;

const btrfs = (...args: string[]) => execFileSync('btrfs', args, { encoding: 'utf8' });

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'files-btrfs-')));
  disk = join(root, 'disk');
  // Shared, as everything is that systemd mounts: what is mounted in a copy of it would be mounted here too.
  execFileSync('mount', ['-t', 'tmpfs', 'none', root]);
  execFileSync('mount', ['--make-shared', root]);
  mkdirSync(disk);
  const image = join(root, 'image');
  writeFileSync(image, '');
  truncateSync(image, 200 * 1024 * 1024);
  execFileSync('mkfs.btrfs', ['-q', image], { stdio: 'ignore' });
  execFileSync('mount', ['-o', 'loop', image, disk]);
});

afterAll(() => {
  // Lazily: a mount namespace that somebody else has made meanwhile (a machine of the fleet) keeps the loop device for a while.
  execFileSync('umount', ['--recursive', '--lazy', root]);
  rmSync(root, { recursive: true, force: true });
});

beforeEach(() => {
  stage = mkdtempSync(join(root, 'stage-'));
  btrfs('subvolume', 'create', join(disk, 'srv'));
  btrfs('subvolume', 'create', join(disk, 'srv/nested\nname'));
  mkdirSync(join(disk, 'srv/app/log'), { recursive: true });
  writeFileSync(join(disk, 'srv/app/data'), 'old');
  writeFileSync(join(disk, 'srv/app/log/x.log'), 'old');
  writeFileSync(join(disk, 'srv/nested\nname/deep'), 'old');
});

afterEach(() => {
  const left = leftovers();
  btrfs('subvolume', 'delete', join(disk, 'srv/nested\nname'), join(disk, 'srv'));
  expect(left).toEqual([]);
});

/** Everything that could have been left behind. */
function leftovers(): string[] {
  return [...snapshotMounts(root), ...readdirSync(disk).filter((name) => name.startsWith('.local-backup'))];
}

function contextOf(
  options: object,
  given: { readonly memo?: Memo; readonly exec?: Run; readonly signal?: AbortSignal } = {},
) {
  return pluginContext(files, { options: { snapshot: 'btrfs', ...options }, stage, configDirectory: root, ...given });
}

it('reads what was there in prepare, nested subvolumes and host patterns included', async () => {
  const context = contextOf({ paths: [join(disk, 'srv')], exclude: [join(disk, 'srv/app/log/'), '*.tmp'] });
  expect(await files.validate?.(context)).toEqual([]);
  await files.prepare?.(context);
  writeFileSync(join(disk, 'srv/app/data'), 'new');
  rmSync(join(disk, 'srv/nested\nname/deep'));
  writeFileSync(join(disk, 'srv/app/later'), 'new');
  const { trees = [], warnings, snapshot } = await files.run(context);
  expect({ warnings, snapshot }).toEqual({ warnings: [], snapshot: true });
  expect(readFileSync('/proc/self/mountinfo', 'utf8').split(` ${disk} `)).toHaveLength(2);
  const [tree] = trees;
  if (tree === undefined) throw new Error('no tree');
  const path = (name: string) => join(disk, 'srv', name).slice(1);
  expect(savedNames(tree)).toEqual(['', 'app', 'app/data', 'app/log', 'nested\nname', 'nested\nname/deep'].map(path));
  expect(readFileSync(join(tree.root, path('app/data')), 'utf8')).toBe('old');
  expect(readFileSync(join(tree.root, path('nested\nname/deep')), 'utf8')).toBe('old');
  expect(() => writeFileSync(join(tree.root, path('app/data')), 'x')).toThrow('EROFS');
  await files.post?.(context);
  expect(existsSync(tree.root)).toBe(false);
  expect(readFileSync(join(disk, 'srv/app/data'), 'utf8')).toBe('new');
});

it('may be killed between any two commands: `post` finds everything in what was on disk', async () => {
  for (let calls = 0; ; calls += 1) {
    const { exec, killed } = killedAfter(calls);
    const context = contextOf({ paths: [join(disk, 'srv')] }, { exec });
    await files.prepare?.(context).catch(() => undefined);
    const memo = JSON.parse(JSON.stringify(context.remembered() ?? null)) ?? undefined;
    const later = contextOf({ paths: [join(disk, 'srv')] }, { memo });
    await files.post?.(later);
    expect(leftovers(), `after ${calls} commands`).toEqual([]);
    if (!killed()) return expect(calls).toBeGreaterThan(15);
  }
});

it('finds what a run has left whose memo is lost, and leaves alone what is not its own', async () => {
  const foreign = join(disk, '.local-backup-00000000-00000000-00000000');
  mkdirSync(foreign, { mode: 0o700 });
  const lost = contextOf({ paths: [join(disk, 'srv')] });
  await files.prepare?.(lost);
  expect(leftovers().length).toBeGreaterThan(3);
  const context = contextOf({ paths: [join(disk, 'srv')] });
  await files.prepare?.(context);
  const { warnings } = await files.run(context);
  expect(warnings).toEqual([expect.stringMatching(/^An earlier run had left the btrfs snapshots \.local-backup-/)]);
  await files.post?.(context);
  expect(leftovers()).toEqual(['.local-backup-00000000-00000000-00000000']);
  rmSync(foreign, { recursive: true });
});

it('refuses a path that has no such snapshot, or warns and reads it in place', async () => {
  mkdirSync(join(root, 'plain'), { recursive: true });
  const paths = [join(disk, 'srv/app'), join(root, 'plain')];
  await expect(files.validate?.(contextOf({ paths }))).rejects.toThrow(
    `\`snapshot: btrfs\` is not possible, because there are paths on ${root} (tmpfs on none).`,
  );
  const context = contextOf({ paths, snapshot: 'auto' });
  const expected = [
    expect.stringMatching(`^Read in place, because no snapshot of it can be made: ${root} \\(tmpfs\\)`),
  ];
  expect(await files.validate?.(context)).toEqual(expected);
  await files.prepare?.(context);
  const { trees = [], warnings, snapshot } = await files.run(context);
  expect(warnings).toEqual(expected);
  expect(snapshot).toBe(false);
  const [tree] = trees;
  expect(tree && savedNames(tree)).toContain(paths[1]?.slice(1));
  await files.post?.(context);
});

it('reads in place where the snapshot cannot be made, and leaves nothing behind', async () => {
  const full = new BackupError('failed', 'No space left on device.');
  const exec = refusing((program, args) => (program === 'btrfs' && args[1] === 'snapshot' ? full : undefined));
  const context = contextOf({ paths: [join(disk, 'srv')], snapshot: 'auto' }, { exec });
  await files.prepare?.(context);
  expect(leftovers()).toEqual([]);
  const { trees, warnings } = await files.run(context);
  expect(trees).toEqual([expect.objectContaining({ root: '/' })]);
  expect(warnings).toEqual(['Read in place, because the snapshot could not be made: No space left on device.']);
  await files.post?.(context);
});

it.each([
  [false, ['app', 'app/on-it']],
  [true, ['app']],
])(
  'what is mounted below is there, and what it hides is not: one_file_system %s',
  async (one_file_system, expected) => {
    const point = join(disk, 'srv/app');
    execFileSync('mount', ['-t', 'tmpfs', 'none', point]);
    try {
      writeFileSync(join(point, 'on-it'), '');
      const context = contextOf({ paths: [join(disk, 'srv')], one_file_system });
      await files.prepare?.(context);
      const { trees = [], warnings } = await files.run(context);
      const names = trees.flatMap(savedNames).filter((name) => name.startsWith(point.slice(1)));
      await files.post?.(context);
      expect(names).toEqual(expected.map((name) => join(disk, 'srv', name).slice(1)));
      expect(warnings).toHaveLength(one_file_system ? 0 : 1);
    } finally {
      execFileSync('umount', [point]);
    }
  },
);

it('a directory of a subvolume that is mounted elsewhere, and a file', async () => {
  const point = join(root, 'elsewhere');
  mkdirSync(point);
  execFileSync('mount', ['--bind', join(disk, 'srv/app'), point]);
  try {
    const context = contextOf({ paths: [join(point, 'log'), join(disk, 'srv/app/data')] });
    await files.prepare?.(context);
    const { trees = [] } = await files.run(context);
    const names = trees.flatMap(savedNames);
    await files.post?.(context);
    expect(names).toEqual(
      [join(disk, 'srv/app/data'), join(point, 'log'), join(point, 'log/x.log')].map((path) => path.slice(1)),
    );
  } finally {
    execFileSync('umount', [point]);
  }
});

it('in a whole run, and after one that was killed', async () => {
  const lab = createClientLab();
  try {
    lab.addService(
      `${SERVICE_TYPE}/shop`,
      `service: { name: shop }\nfiles: { paths: [${disk}/srv], snapshot: btrfs }\n`,
    );
    const { exec } = killedAfter(20);
    const io = { ...lab.ioWith([files]), exec };
    await runClient(lab.config, [], { undone: [], failed: [] }, io);
    expect([lab.undoEntries().length, leftovers().length > 0]).toEqual([1, true]);
    await lab.run([files]);
    expect([lab.undoEntries(), leftovers()]).toEqual([[], []]);
    const archive = lab.published().at(-1) ?? '';
    expect(lab.manifestOf(archive).services).toEqual([expect.objectContaining({ name: 'shop', status: 'success' })]);
    expect(lab.contentOf(archive, `${SERVICE_TYPE}/shop/data${disk}/srv/nested\nname/deep`)).toBe('old');
  } finally {
    lab.remove();
  }
});

describe('as any plugin', () => {
  pluginContract(files, () => {
    const file = join(disk, 'srv/app/data');
    writeFileSync(file, 'content');
    return {
      options: { paths: [join(disk, 'srv')], snapshot: 'btrfs' },
      stateOfHost: () => readTree(disk),
      destroy: () => rmSync(join(disk, 'srv/app'), { recursive: true }),
      damage: (copy) => rmSync(join(copy, 'data', disk, 'srv'), { recursive: true }),
    };
  });
});
