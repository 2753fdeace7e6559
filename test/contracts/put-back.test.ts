// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  compareTrees,
  type PutBackMemo,
  putTreesBack,
  revertTrees,
} from '../../packages/client/src/plugin-tools/put-back/put-back.ts';
import { verifyTrees } from '../../packages/client/src/plugin-tools/put-back/verify-back.ts';
import { files } from '../../packages/client/src/plugins/files/index.ts';
import type { BytePath } from '../../packages/common/src/byte-path.ts';
import { restoreContext } from '../helpers/plugin-context.ts';

/* Putting a tree of a copy back, whichever plugin does it: what is in the way is found before anything is touched. */

let work: string;
const at = (...names: string[]) => join(work, ...names);

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'put-back-'));
  for (const name of ['copy', 'scratch', 'kept', 'host']) mkdirSync(at(name));
});

afterEach(() => {
  for (const name of ['host/disk/rw', 'host/disk/file', 'host/disk', 'host']) {
    execFileSync('sh', ['-c', 'while mountpoint -q "$1" 2>/dev/null; do umount "$1"; done', 'sh', at(name)]);
  }
  rmSync(work, { recursive: true, force: true });
});

const treeOf = (...paths: string[]) => ({
  data: at('copy'),
  name: 'data',
  root: at('host'),
  paths: paths as BytePath[],
  keepIn: '',
});
const contextOf = () =>
  restoreContext(files, { options: { paths: [work] }, copy: at('copy'), scratch: at('scratch'), kept: at('kept') });
const compare = (...paths: string[]) => compareTrees([treeOf(...paths)], contextOf());

/** The same file on both sides, in a directory of the host that the script makes unusual. */
function diskWith(script: string): void {
  for (const side of ['copy', 'host']) {
    mkdirSync(at(side, 'disk'));
    writeFileSync(at(side, 'disk/file'), side);
  }
  execFileSync('sh', ['-euc', script], { cwd: at('host') });
}

it.each([
  [
    'a file system that is mounted read-only',
    'mount --bind disk disk; mount -o remount,bind,ro disk',
    /file is on a .* read-only/,
  ],
  [
    'a file that is mounted by itself',
    'echo other >../other; mount --bind ../other disk/file',
    /file is mounted by itself/,
  ],
  [
    'an immutable file',
    'truncate -s 8M ../image; mkfs.ext4 -q ../image; mount -o loop ../image disk; echo x >disk/file; chattr +i disk/file',
    /file is immutable: chattr -i/,
  ],
])('%s is found before anything is touched: it could not be put back either', async (_what, script, message) => {
  diskWith(script);
  await expect(compare('disk')).rejects.toThrow(message);
  await expect(compare('disk/file')).rejects.toThrow(message);
});

it('an immutable directory is found, for what would be made in it', async () => {
  diskWith('truncate -s 8M ../image; mkfs.ext4 -q ../image; mount -o loop ../image disk; chattr +i disk');
  await expect(compare('disk/file')).rejects.toThrow(/disk is immutable/);
});

it('a directory that stays is put back below one that is read-only, and taken back', async () => {
  for (const side of ['copy', 'host']) {
    mkdirSync(at(side, 'disk/rw'), { recursive: true });
    writeFileSync(at(side, 'disk/rw/file'), side);
  }
  execFileSync('sh', ['-euc', 'mount --bind disk disk; mount -t tmpfs none disk/rw; mount -o remount,bind,ro disk'], {
    cwd: at('host'),
  });
  let memo: PutBackMemo | undefined;
  const note = async (noted: PutBackMemo) => {
    memo = noted;
  };
  await putTreesBack(await compare('disk/rw'), contextOf(), note);
  expect(readFileSync(at('host/disk/rw/file'), 'utf8')).toBe('copy');
  await revertTrees(memo, contextOf(), note);
  expect(() => statSync(at('host/disk/rw/file'))).toThrow(/ENOENT/);
});

it('the directory itself comes back with owner and mode, also where it was missing, and can be taken back', async () => {
  mkdirSync(at('copy/out'), { mode: 0o700 });
  writeFileSync(at('copy/out/dump'), 'secret');
  execFileSync('chown', ['12:34', at('copy/out')]);
  const tree = { ...treeOf('.'), data: at('copy/out'), root: at('host/lib/out') };
  let memo: PutBackMemo | undefined;
  const note = async (noted: PutBackMemo) => {
    memo = noted;
  };
  const look = () => {
    const { mode, uid, gid } = statSync(at('host/lib/out'));
    return [mode & 0o7777, uid, gid];
  };
  await putTreesBack(await compareTrees([tree], contextOf()), contextOf(), note);
  expect(look()).toEqual([0o700, 12, 34]);
  await revertTrees(memo, contextOf(), note);
  expect(() => look()).toThrow(/ENOENT/);
  mkdirSync(at('host/lib/out'), { recursive: true, mode: 0o750 });
  await putTreesBack(await compareTrees([tree], contextOf()), contextOf(), note);
  expect(look()).toEqual([0o700, 12, 34]);
  expect(readFileSync(at('host/lib/out/dump'), 'utf8')).toBe('secret');
  await revertTrees(memo, contextOf(), note);
  expect(look()).toEqual([0o750, 0, 0]);
});

it('what is no directory any more, or behind a link, is not taken for what was put back', async () => {
  mkdirSync(at('copy/out'));
  writeFileSync(at('copy/out/dump'), 'x');
  const statusOf = async (path: string) => (await verifyTrees([treeOf(path)]))[0]?.status;
  expect(await statusOf('out')).toBe('failed');
  mkdirSync(at('elsewhere'));
  symlinkSync(at('elsewhere'), at('host/out'));
  expect(await statusOf('out')).toBe('failed');
  rmSync(at('host'), { recursive: true });
  writeFileSync(at('host'), 'a file');
  expect([await statusOf('.'), await statusOf('out')]).toEqual(['failed', 'failed']);
});
