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
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Memo } from '../../packages/client/src/plugin.ts';
import { files } from '../../packages/client/src/plugins/files/index.ts';
import type { Run } from '../../packages/common/src/exec.ts';
import { pluginContext } from '../helpers/plugin-context.ts';
import { savedNames } from '../helpers/saved-names.ts';
import { killedAfter, snapshotMounts } from '../helpers/snapshot-lab.ts';

/*
 * Not every kernel has a device mapper: the programs of LVM are stand-ins that record their calls. Their volumes are files
 * on loop devices, and a snapshot is a copy of such a file, so that the rest is as it would be.
 */

let root: string;
let disk: string;
const path = process.env.PATH;

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'files-lvm-')));
  disk = join(root, 'disk');
  mkdirSync(disk);
  mkdirSync(join(root, 'bin'));
  execFileSync('truncate', ['-s', '16M', join(root, 'data.img')]);
  execFileSync('mkfs.ext4', ['-q', '-F', join(root, 'data.img')]);
  const device = execFileSync('losetup', ['--find', '--show', join(root, 'data.img')], { encoding: 'utf8' }).trim();
  writeFileSync(join(root, 'data.path'), device);
  execFileSync('mount', [device, disk]);
  standIn('lvs', LVS);
  standIn('lvcreate', LVCREATE);
  standIn('lvremove', LVREMOVE);
  process.env.PATH = `${join(root, 'bin')}:${path}`;
});

const LVS = `
case "$*" in
  *pool_lv*) for last; do :; done; [ "$last" = "$(cat data.path)" ] || exit 5; echo "  vg0,data,$(cat pool 2>/dev/null)" ;;
  *lv_path*) for last; do :; done; cat "\${last#vg0/}.path" ;;
  *lv_name*) for file in *.img; do echo "  \${file%.img}"; done ;;
esac`;

const LVCREATE = `
while [ "$1" != --name ]; do shift; done
sync
cp data.img "$2.img"
losetup --find --show "$2.img" > "$2.path"`;

const LVREMOVE = `
name="\${2#vg0/}"
losetup --detach "$(cat "$name.path")"
rm "$name.img" "$name.path"`;

function standIn(name: string, script: string): void {
  const text = `#!/bin/sh\nset -e\ncd "$(dirname "$0")/.."\necho "${name} $*" >> calls\n${script}\n`;
  writeFileSync(join(root, 'bin', name), text, { mode: 0o755 });
}

afterAll(() => {
  process.env.PATH = path;
  execFileSync('umount', [disk]);
  for (const name of readdirSync(root).filter((one) => one.endsWith('.path'))) {
    execFileSync('losetup', ['--detach', readFileSync(join(root, name), 'utf8').trim()]);
  }
  rmSync(root, { recursive: true, force: true });
});

beforeEach(() => {
  writeFileSync(join(disk, 'file'), 'old');
  writeFileSync(join(root, 'calls'), '');
});

afterEach(() => {
  rmSync(join(root, 'pool'), { force: true });
  expect(leftovers()).toEqual([]);
});

function leftovers(): string[] {
  return [...snapshotMounts(root), ...readdirSync(root).filter((name) => name.startsWith('local-backup'))];
}

/** Calls of LVM, names of snapshots without what is new each time. */
const calls = () =>
  readFileSync(join(root, 'calls'), 'utf8')
    .replace(/local-backup-[0-9a-f-]+/g, 'SNAPSHOT')
    .split('\n');

function contextOf(given: { readonly memo?: Memo; readonly exec?: Run; readonly options?: object } = {}) {
  const options = { snapshot: 'lvm', paths: [join(disk, 'file')], ...given.options };
  return pluginContext(files, { stage: mkdtempSync(join(root, 'stage-')), configDirectory: root, ...given, options });
}

it.each([
  [{}, '', '--extents 20%ORIGIN '],
  [{ snapshot_size: '2G' }, '', '--size 2G '],
  [{ snapshot: 'auto' }, 'thinpool', '--setactivationskip n '],
])('reads what was there in prepare: %o', async (options, pool, expected) => {
  if (pool !== '') writeFileSync(join(root, 'pool'), pool);
  const context = contextOf({ options });
  expect(await files.validate?.(context)).toEqual([]);
  await files.prepare?.(context);
  writeFileSync(join(disk, 'file'), 'new');
  const { trees = [], snapshot, warnings } = await files.run(context);
  expect({ snapshot, warnings }).toEqual({ snapshot: true, warnings: [] });
  expect(trees.flatMap(savedNames)).toEqual([join(disk, 'file').slice(1)]);
  expect(readFileSync(join(trees[0]?.root ?? '', disk, 'file'), 'utf8')).toBe('old');
  await files.post?.(context);
  expect(calls()).toContain(`lvcreate --yes --snapshot --name SNAPSHOT ${expected}vg0/data`);
  expect(calls()).toContain('lvremove --yes vg0/SNAPSHOT');
});

it('may be killed between any two commands: `post` finds everything in what was on disk', async () => {
  for (let count = 0; ; count += 1) {
    const { exec, killed } = killedAfter(count);
    const context = contextOf({ exec });
    await files.prepare?.(context).catch(() => undefined);
    const memo = JSON.parse(JSON.stringify(context.remembered() ?? null)) ?? undefined;
    await files.post?.(contextOf({ memo }));
    expect(leftovers(), `after ${count} commands`).toEqual([]);
    if (!killed()) return expect(count).toBeGreaterThan(8);
  }
});

it('removes what a run has left whose memo is lost', async () => {
  await files.prepare?.(contextOf());
  const context = contextOf();
  await files.prepare?.(context);
  const { warnings } = await files.run(context);
  expect(warnings).toEqual([expect.stringMatching(/^An earlier run had left the LVM snapshot vg0\/local-backup-/)]);
  await files.post?.(context);
  expect(existsSync(join(root, 'data.img'))).toBe(true);
});

it('says what is wrong where a path is on no logical volume', async () => {
  await expect(files.validate?.(contextOf({ options: { paths: ['/etc/hostname'] } }))).rejects.toThrow(
    '`snapshot: lvm` is not possible, because there are paths on / (',
  );
});
