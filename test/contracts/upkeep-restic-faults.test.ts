// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Upkeep } from '../../packages/server/src/stores/upkeep.ts';
import type { ResticLab } from '../helpers/restic-lab.ts';
import { createResticTemplate, type ResticTemplate, TEMPLATE_HOST } from '../helpers/restic-template.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';

const never = new AbortController().signal;
const NONE = { kind: 'none' } as const;
const ALL = { kind: 'all' } as const;

/** The largest file below a directory of the repository. */
function largestIn(directory: string): string {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .sort((left, right) => statSync(right).size - statSync(left).size);
  return files[0] ?? '';
}

describe.each(RESTIC_SERIES)('upkeep of what is broken with restic %s', (series) => {
  let template: ResticTemplate;
  let lab: ResticLab;
  beforeAll(async () => {
    template = await createResticTemplate(series);
    lab = template.lab;
  });
  afterAll(() => lab.remove());

  let copies = 0;
  /** A copy of the repository of its own, and the upkeep of it. */
  const newCopy = (changed: Parameters<ResticLab['upkeep']>[1] = {}) => {
    copies += 1;
    const name = `copy${copies}`;
    const repository = template.copyTo(name, changed?.repository);
    // The snapshots in it are those of the template's host.
    const upkeep = lab.upkeep(name, { host: TEMPLATE_HOST, ...changed });
    return { name, repository, upkeep, snapshots: join(repository, 'snapshots') };
  };
  const standIn = (script: string): string => {
    const program = join(mkdtempSync(join(lab.directory, 'bin-')), 'restic');
    writeFileSync(program, `#!/bin/sh\n${script}\nexec ${lab.program} "$@"\n`, { mode: 0o755 });
    return program;
  };
  /** A restic that gives up at the first sign of a disk that can only be read; by itself it tries until its time is up. */
  const impatient = (): string => {
    const directory = mkdtempSync(join(lab.directory, 'words-'));
    return standIn(
      [
        // Of each call its own file: with one for all, what the call before has said may still be in it.
        `words=$(mktemp -p ${directory}) || exit 1`,
        `${lab.program} "$@" 2>"$words" & restic=$!`,
        `until grep -q read-only "$words" || ! kill -0 $restic 2>/dev/null; do sleep 0.05; done`,
        `grep -q read-only "$words" && { kill -KILL $restic; wait $restic; cat "$words" >&2; exit 1; }`,
        'wait $restic; code=$?; cat "$words" >&2; exit $code',
      ].join('\n'),
    );
  };
  const idsOf = async (upkeep: Upkeep) => (await upkeep.judge(['--keep-last', '1'], never)).map(({ id }) => id);

  test('a pack that is missing is a problem of the structure, and nothing is pruned', async () => {
    const { repository, upkeep } = newCopy();
    const pack = largestIn(join(repository, 'data'));
    rmSync(pack);
    const { problems } = await upkeep.check(NONE, [], never);
    expect(problems.join('\n')).toContain(pack.slice(-64));
    expect(problems.join('\n')).not.toMatch(/Fatal/);
    const files = readdirSync(join(repository, 'data'), { recursive: true });
    await expect(upkeep.prune(never)).rejects.toThrow(/is damaged.*missing/s);
    expect(readdirSync(join(repository, 'data'), { recursive: true })).toEqual(files);
  });

  test('a byte that changed is seen where the data is read, and only there', async () => {
    const { repository, upkeep } = newCopy();
    const pack = largestIn(join(repository, 'data'));
    chmodSync(pack, 0o600);
    const file = await open(pack, 'r+');
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, 5_000);
    await file.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, 5_000);
    await file.close();
    expect(await upkeep.check(NONE, [], never)).toEqual({ problems: [] });
    expect((await upkeep.check(ALL, [], never)).problems.length).toBeGreaterThan(0);
    expect((await upkeep.check(NONE, ['--read-data-subset', '100%'], never)).problems.length).toBeGreaterThan(0);
    const first = await upkeep.check({ kind: 'part', part: 1, of: 2 }, [], never);
    const second = await upkeep.check({ kind: 'part', part: 2, of: 2 }, [], never);
    expect([first, second].filter(({ problems }) => problems.length > 0)).toHaveLength(1);
  });

  test('an index that was cut off is a problem', async () => {
    const { repository, upkeep } = newCopy();
    const index = largestIn(join(repository, 'index'));
    chmodSync(index, 0o600);
    truncateSync(index, 50);
    const { problems } = await upkeep.check(NONE, [], never);
    expect(problems.join('\n')).toContain(index.slice(-64));
  });

  test('a wrong password is an error of every verb', async () => {
    const { name, upkeep } = newCopy();
    lab.breakPassword(name);
    await expect(upkeep.judge(['--keep-last', '1'], never)).rejects.toThrow(/password/);
    await expect(upkeep.forget(['0'.repeat(64)], never)).rejects.toThrow(/password/);
    await expect(upkeep.prune(never)).rejects.toThrow(/password/);
    await expect(upkeep.check(NONE, [], never)).rejects.toThrow(/password/);
    await expect(upkeep.size(never)).rejects.toThrow(/password/);
    await expect(upkeep.locks(never)).rejects.toThrow(/password/);
  });

  test('a repository that is not there is an error, and none is made', async () => {
    const { repository, upkeep } = newCopy();
    rmSync(repository, { recursive: true });
    await expect(upkeep.judge(['--keep-last', '1'], never)).rejects.toThrow(/no restic repository/);
    await expect(upkeep.check(NONE, [], never)).rejects.toThrow(/no restic repository/);
    await expect(upkeep.prune(never)).rejects.toThrow(/no restic repository/);
    expect(readdirSync(join(lab.directory, 'repositories'))).not.toContain(repository.split('/').at(-1));
  });

  test('another repository in its place is not touched', async () => {
    const { name, upkeep } = newCopy();
    const pin = lab.options(name).pinFile;
    writeFileSync(pin, readFileSync(pin, 'utf8').replace(/"id": "..../, '"id": "0000'));
    await expect(upkeep.judge(['--keep-last', '1'], never)).rejects.toThrow(/not the one/);
    await expect(upkeep.forget([], never)).rejects.toThrow(/not the one/);
    await expect(upkeep.prune(never)).rejects.toThrow(/not the one/);
    await expect(upkeep.check(NONE, [], never)).rejects.toThrow(/not the one/);
  });

  test('what a check that was killed has left in the cache goes, that of one at work stays', async () => {
    const cacheDirectory = mkdtempSync(join(lab.directory, 'cache-'));
    const { upkeep } = newCopy({ cacheDirectory });
    const [old, fresh] = ['restic-check-cache-1', 'restic-check-cache-2'].map((name) => join(cacheDirectory, name));
    for (const directory of [old, fresh, join(cacheDirectory, 'precious')]) mkdirSync(directory ?? '');
    writeFileSync(join(old ?? '', 'large'), '');
    utimesSync(old ?? '', 1, 1_000_000_000);
    utimesSync(join(cacheDirectory, 'precious'), 1, 1_000_000_000);
    expect(await upkeep.check(NONE, [], never)).toEqual({ problems: [] });
    const left = readdirSync(cacheDirectory);
    expect(left).toEqual(expect.arrayContaining(['precious', 'restic-check-cache-2']));
    expect(left).not.toContain('restic-check-cache-1');
  });

  test('options that a check cannot have are refused before it begins', async () => {
    const { upkeep } = newCopy({ program: standIn('[ "$1" = check ] && exit 99') });
    await expect(upkeep.check(NONE, ['--no-lock'], never)).rejects.toMatchObject({ code: 'config' });
    await expect(upkeep.judge(['--keep-last', '-1'], never)).rejects.toMatchObject({ code: 'config' });
    await expect(upkeep.judge([], never)).rejects.toMatchObject({ code: 'config' });
  });

  test('on a disk that can only be read all can be looked at, and what would change is an error', async () => {
    const mount = mkdtempSync(join(lab.directory, 'read-only-'));
    execFileSync('mount', ['-t', 'tmpfs', 'none', mount]);
    try {
      const { upkeep, snapshots } = newCopy({ repository: join(mount, 'repository'), program: impatient() });
      execFileSync('mount', ['-o', 'remount,ro', mount]);
      const ids = await idsOf(upkeep);
      expect(ids).toHaveLength(3);
      expect((await upkeep.size(never)).bytes).toBeGreaterThan(9_000_000);
      expect(await upkeep.locks(never)).toEqual([]);
      await expect(upkeep.forget(ids.slice(0, 1), never)).rejects.toThrow(/^restic forget could not reach.*read-only/s);
      await expect(upkeep.check(NONE, [], never)).rejects.toThrow(/^restic check could not reach.*read-only/s);
      expect(readdirSync(snapshots)).toHaveLength(3);
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  test('a full disk during prune is told as such and harms nothing; with room again it goes on', async () => {
    const mount = mkdtempSync(join(lab.directory, 'full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'none', mount]);
    try {
      const timeouts = { queryMs: 60_000, upkeepMs: 5_000 };
      const { name, upkeep } = newCopy({ repository: join(mount, 'repository'), timeouts });
      const whole = lab.upkeep(name, { host: TEMPLATE_HOST, repository: join(mount, 'repository') });
      const [first = '', second = '', third] = await idsOf(whole);
      await whole.forget([first, second], never);
      fillUp(mount);
      await expect(upkeep.prune(never)).rejects.toThrow(/No space left/);
      rmSync(join(mount, 'filler'));
      await whole.removeDeadLocks(never);
      expect(await whole.check(ALL, [], never)).toEqual({ problems: [] });
      await whole.prune(never);
      expect(await whole.check(ALL, [], never)).toEqual({ problems: [] });
      expect(await idsOf(whole)).toEqual([third]);
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  test('a snapshot that is given other tags has another id and the same time, by which pins know it', async () => {
    const { name, upkeep } = newCopy();
    const before = await upkeep.judge(['--keep-last', '1'], never);
    lab.restic(name, 'tag', '--add', 'audit', before[0]?.id ?? '');
    const after = await upkeep.judge(['--keep-last', '1'], never);
    expect(after.map(({ time }) => time)).toEqual(before.map(({ time }) => time));
    expect(after[0]?.id).not.toBe(before[0]?.id);
  });

  test('a restic that reports success for what it has not done is not believed', async () => {
    const { upkeep: idle } = newCopy({ program: standIn('[ "$1" = forget ] && [ "$2" != --dry-run ] && exit 0') });
    const ids = await idsOf(idle);
    await expect(idle.forget(ids.slice(0, 2), never)).rejects.toThrow(/2 of 2 snapshots .* still there/);
    const forgetful = standIn('[ "$1" = forget ] && exec echo \'[]\'');
    await expect(newCopy({ program: forgetful }).upkeep.judge(['--keep-last', '1'], never)).rejects.toThrow(
      /does not fit/,
    );
    const prose = standIn('[ "$1" = forget ] && exec echo "Applying Policy"');
    await expect(newCopy({ program: prose }).upkeep.judge(['--keep-last', '1'], never)).rejects.toThrow(/no list/);
    const sizeless = standIn('[ "$1" = stats ] && exit 0');
    await expect(newCopy({ program: sizeless }).upkeep.size(never)).rejects.toThrow(/does not tell the size/);
    const broken = standIn('[ "$1" = check ] && echo "goroutine 1" >&2 && exit 2');
    await expect(newCopy({ program: broken }).upkeep.check(NONE, [], never)).rejects.toThrow(/code 2/);
  });
});

/** Leaves no room for anything. */
function fillUp(mount: string): void {
  try {
    execFileSync('dd', ['if=/dev/zero', `of=${join(mount, 'filler')}`, 'bs=4k'], { stdio: 'ignore' });
  } catch {
    // It ends when the disk is full, which is what it is for.
  }
}
