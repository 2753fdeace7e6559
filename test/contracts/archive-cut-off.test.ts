// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArchiveLab, createArchiveLab, pathsOf, verifyLab } from '../helpers/archive-lab.ts';

let lab: ArchiveLab;

beforeEach(() => {
  lab = createArchiveLab();
});

afterEach(() => lab.remove());

describe('a tar that ends too early', () => {
  it.each([0, 1, 511, 512, 1024, 3000, 600_000, 2_500_000, 6_000_000])(
    'takes a file that is cut off out again, and goes on: after %i bytes',
    async (length) => {
      lab.make('mkdir a; head -c 500000 /dev/urandom > a/small; head -c 12M /dev/urandom > large; touch z');
      const cut = `tar "$@" | head -c ${length}; kill -9 $$`;
      const writer = await lab.writer({
        tarCommand: ['sh', '-c', `case "$*" in *web/shop*) ${cut};; esac; tar "$@"`, 'tar'],
      });
      await writer.addTree(lab.request({ prefix: 'before/x', paths: pathsOf('large') }));
      const reading = writer.addTree(lab.request());
      if (length <= 1024) await expect(reading).rejects.toThrow('Nothing could be read');
      else expect((await reading).failed).toEqual([expect.stringContaining('SIGKILL')]);
      if (length >= 600_000) expect((await reading).failed[0]).toContain(`${lab.root}/large is not in the archive: `);
      expect(writer.broken).toBe(false);
      await writer.addTree(lab.request({ prefix: 'after/x' }));
      const finished = await writer.finish();
      await verifyLab(lab, finished);
      const names = execFileSync('tar', ['-tzf', lab.archive], { encoding: 'utf8' });
      expect(names).toContain('before/x/large\n');
      expect(names.endsWith('after/x/z\n')).toBe(true);
      expect(names).not.toContain('web/shop/large');
    },
  );

  it('ends a tar that gives nothing any more', async () => {
    lab.make('head -c 5M /dev/urandom > big; touch z');
    const writer = await lab.writer({
      stallMs: 2_000,
      tarCommand: ['sh', '-c', 'tar "$@" | head -c 3000000; sleep 60', 'tar'],
    });
    const { failed, entries } = await writer.addTree(lab.request());
    expect(failed).toEqual([expect.stringContaining(`${lab.root}/big is not in the archive: reading stood still`)]);
    expect(entries).toBe(1);
    await verifyLab(lab, await writer.finish());
  });

  it('ends a tar that takes too long', async () => {
    lab.make('touch a');
    const writer = await lab.writer({
      timeoutMs: 500,
      tarCommand: ['sh', '-c', 'while sleep 0.1; do head -c 512 "$0"; done', '/dev/zero'],
    });
    await expect(writer.addTree(lab.request())).rejects.toThrow('Nothing could be read');
    expect(writer.broken).toBe(false);
    await writer.abort();
  });

  it('ends when the run ends', async () => {
    lab.make('head -c 50M /dev/urandom > big');
    const abort = new AbortController();
    const writer = await lab.writer({ signal: abort.signal, tarCommand: ['sh', '-c', 'sleep 60', 'tar'] });
    const reading = writer.addTree(lab.request());
    setImmediate(() => abort.abort(new Error('the run ends')));
    await expect(reading).rejects.toThrow('the run ends');
    await expect(writer.finish()).rejects.toThrow('broken');
    await writer.abort();
  });
});
