// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArchiveLab, createArchiveLab, pathsOf, verifyLab } from '../helpers/archive-lab.ts';

let lab: ArchiveLab;
let held: string;
let place: { directory: string; minFreeBytes: number };

beforeEach(() => {
  lab = createArchiveLab();
  held = mkdtempSync(join(tmpdir(), 'held-'));
  place = { directory: held, minFreeBytes: 1 };
});

afterEach(() => {
  lab.remove();
  rmSync(held, { recursive: true, force: true });
});

/** What tar says of the size, when it only counts, is what this says. */
const saysSmall = 'case "$*" in *--totals*) echo "Total bytes written: 10240 (10KiB, 1MiB/s)" >&2; exit;; esac';

/** A tmpfs of this size in the place of the directory. */
async function withTmpfs(megabytes: number, work: () => Promise<void>): Promise<void> {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', held]);
  try {
    await work();
  } finally {
    execFileSync('umount', [held]);
  }
}

describe('a tree that is held first', () => {
  it('comes into the archive as one that is read directly does', async () => {
    lab.make(`
      mkdir -p a/b; echo one > a/b/file; ln a/b/file a/hard; ln -s nowhere a/link; truncate -s 3M a/sparse
      printf x | dd of=a/sparse bs=1 seek=1000000 conv=notrunc status=none; setfattr -n user.x -v y a/b/file
      echo odd > "$(printf 'a/\\377\\n')"; head -c 3M /dev/urandom > a/large; mkfifo a/pipe; echo no > a/b/left-out`);
    const asked = lab.request({ paths: pathsOf('a'), exclude: ['left-out'] });
    const direct = await lab.writer();
    const totals = await direct.addTree(asked);
    await verifyLab(lab, await direct.finish());
    const entries = await lab.entries();
    execFileSync('rm', [lab.archive, lab.entryList]);
    const writer = await lab.writer();
    const tree = await writer.holdTree(asked, place);
    if (tree === undefined) throw new Error('no room');
    expect(readdirSync(held).length).toBeGreaterThan(0);
    lab.make('rm -rf a');
    expect(await writer.addHeld(tree)).toEqual(totals);
    expect(readdirSync(held)).toEqual([]);
    await verifyLab(lab, await writer.finish());
    expect(await lab.entries()).toEqual(entries);
    expect(entries.length).toBeGreaterThan(8);
  });

  it('tells what could not be read, and has the rest', async () => {
    lab.make('echo one > one');
    const writer = await lab.writer();
    const tree = await writer.holdTree(lab.request({ paths: pathsOf('missing', 'one') }), place);
    if (tree === undefined) throw new Error('no room');
    const { failed, entries } = await writer.addHeld(tree);
    expect(failed).toEqual([expect.stringContaining(`${lab.root}/missing`)]);
    expect(entries).toBe(1);
    await verifyLab(lab, await writer.finish());
  });

  it('takes a file that was cut off out again, and goes on', async () => {
    lab.make('head -c 500000 /dev/urandom > a; head -c 12M /dev/urandom > large; touch z');
    const cut = 'tar "$@" | head -c 6000000; kill -9 $$';
    const script = `case "$*" in *--totals*) tar "$@";; *web/shop*) ${cut};; *) tar "$@";; esac`;
    const writer = await lab.writer({ tarCommand: ['sh', '-c', script, 'tar'] });
    const tree = await writer.holdTree(lab.request(), place);
    if (tree === undefined) throw new Error('no room');
    const { failed } = await writer.addHeld(tree);
    expect(failed).toEqual([expect.stringMatching(/large is not in the archive: .*SIGKILL/)]);
    await writer.addTree(lab.request({ prefix: 'after/x' }));
    await verifyLab(lab, await writer.finish());
    expect((await lab.entries()).map(({ path }) => path)).not.toContain('web/shop/large');
  });

  it('is given up when tar gives nothing any more', async () => {
    lab.make('head -c 5M /dev/urandom > big; touch z');
    const script = 'case "$*" in *--totals*) exec tar "$@";; esac; tar "$@" | head -c 3000000; sleep 60';
    const writer = await lab.writer({ stallMs: 2_000, tarCommand: ['sh', '-c', script, 'tar'] });
    const tree = await writer.holdTree(lab.request(), place);
    if (tree === undefined) throw new Error('no room');
    const { failed } = await writer.addHeld(tree);
    expect(failed).toEqual([expect.stringContaining(`${lab.root}/big is not in the archive: reading stood still`)]);
    await verifyLab(lab, await writer.finish());
  });

  it('ends when the run ends, and leaves nothing', async () => {
    lab.make('head -c 5M /dev/urandom > big');
    const abort = new AbortController();
    const script = 'case "$*" in *--totals*) exec tar "$@";; esac; head -c 3000000 /dev/zero; echo >&2; sleep 60';
    const writer = await lab.writer({ signal: abort.signal, tarCommand: ['sh', '-c', script, 'tar'] });
    const holding = writer.holdTree(lab.request(), place);
    setTimeout(() => abort.abort(new Error('the run ends')), 300);
    await expect(holding).rejects.toThrow('the run ends');
    expect(readdirSync(held)).toEqual([]);
    await writer.abort();
  });
});

describe('without room', () => {
  it('is not begun: twice its size has to be free', async () => {
    lab.make('head -c 20M /dev/urandom > big; truncate -s 10G sparse');
    const writer = await lab.writer();
    await withTmpfs(30, async () => {
      expect(await writer.holdTree(lab.request(), place)).toBeUndefined();
      expect(readdirSync(held)).toEqual([]);
    });
    await withTmpfs(50, async () => expect(await writer.holdTree(lab.request(), place)).toBeDefined());
    await writer.abort();
  });

  it.each([30, 160])('half-way it is given up, and nothing is left of it: %i MiB', async (megabytes) => {
    lab.make('head -c 130M /dev/zero > big');
    const writer = await lab.writer({ tarCommand: ['sh', '-c', `${saysSmall}; exec tar "$@"`, 'tar'] });
    await withTmpfs(megabytes, async () => {
      expect(await writer.holdTree(lab.request(), place)).toBeUndefined();
      expect(readdirSync(held)).toEqual([]);
    });
    expect((await writer.addTree(lab.request())).bytes).toBe(130 * 1024 * 1024);
    await verifyLab(lab, await writer.finish());
  });

  it.each([
    ['it had the last time', 10 * 1024 * 1024, true],
    ['it had the last time, which is too much', 16 * 1024 * 1024, false],
    ['its file system holds', undefined, false],
  ])('measuring that takes too long is given up: %s', async (_, expectedBytes, isHeld) => {
    lab.make('head -c 1M /dev/urandom > file');
    const script = 'case "$*" in *--totals*) exec sleep 60;; esac; exec tar "$@"';
    const writer = await lab.writer({ tarCommand: ['sh', '-c', script, 'tar'] });
    const reasons: string[] = [];
    const measuring = { leftMs: 100 };
    await withTmpfs(30, async () => {
      const asked = { ...place, measuring, expectedBytes, tell: (why: string) => void reasons.push(why) };
      expect((await writer.holdTree(lab.request(), asked)) !== undefined).toBe(isHeld);
      // Nothing is left for the next one, which is not even begun to be measured.
      expect(measuring.leftMs).toBeLessThanOrEqual(0);
      expect((await writer.holdTree(lab.request(), asked)) !== undefined).toBe(isHeld);
    });
    if (!isHeld) expect(reasons).toEqual([expect.stringMatching(/^measuring it took too long; /), reasons[0]]);
    await writer.abort();
  });

  it('is not begun where nobody can tell the size', async () => {
    lab.make('touch a');
    const script = 'case "$*" in *--totals*) exit 7;; esac; exec tar "$@"';
    const writer = await lab.writer({ tarCommand: ['sh', '-c', script, 'tar'] });
    expect(await writer.holdTree(lab.request(), place)).toBeUndefined();
    await writer.abort();
  });
});
