// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withScratch } from './verify-copy.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scr-'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const NOBODY = { uid: 65_534, gid: 65_534 };

/** What is seen of a scratch directory while it is there. */
const look = (scratchDirectory: string) =>
  withScratch({ scratchDirectory, level: 'full' }, async (scratch) => {
    const mode = statSync(scratch).mode & 0o777;
    chmodSync(scratch, 0o711);
    execFileSync('test', ['-x', join(scratch, '.')], { ...NOBODY, cwd: '/' });
    const listed = () => execFileSync('ls', [dirname(scratch)], { ...NOBODY, cwd: '/', stdio: 'ignore' });
    expect(listed).toThrow();
    return { scratch, mode };
  });

describe('a scratch directory', () => {
  it('can be entered by an account that has nothing, wherever it was to be, and is removed', async () => {
    chmodSync(root, 0o755);
    const [open, closed] = [join(root, 'open'), join(root, 'closed')];
    mkdirSync(closed, { mode: 0o700 });
    const inOpen = await look(open);
    expect([inOpen.scratch.startsWith(`${open}/`), inOpen.mode]).toEqual([true, 0o700]);
    const elsewhere = await look(join(closed, 'scratch'));
    expect([elsewhere.scratch.startsWith('/var/tmp/'), elsewhere.mode]).toEqual([true, 0o700]);
    const tooLong = join(root, 'a-name-that-leaves-no-room-for-a-socket');
    for (const { scratch } of [inOpen, elsewhere, await look(tooLong)]) {
      expect(scratch.length).toBeLessThanOrEqual(60);
      expect(existsSync(dirname(scratch))).toBe(false);
    }
  });
});
