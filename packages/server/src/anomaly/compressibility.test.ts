// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { measureCompressibility } from './compressibility.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'compressibility-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const signal = new AbortController().signal;
const measure = (...names: string[]) => measureCompressibility(root, names.map(bytePathOfText), signal);

it('tells text from what is encrypted, by the beginning of a file', async () => {
  writeFileSync(join(root, 'text'), 'The quick brown fox jumps over the lazy dog. '.repeat(100));
  writeFileSync(join(root, 'random'), randomBytes(4_000));
  writeFileSync(join(root, 'beginning'), Buffer.concat([randomBytes(65_536), Buffer.alloc(1_000_000)]));
  expect(await measure('text', 'random', 'beginning')).toEqual({ sampled: 3, incompressible: 2 });
});

it('reads names that are not UTF-8', async () => {
  writeFileSync(Buffer.from(`${root}/\xff`, 'latin1'), randomBytes(4_000));
  expect(await measureCompressibility(root, ['\xff' as BytePath], signal)).toEqual({ sampled: 1, incompressible: 1 });
});

it('leaves out what is no file, is not there or is empty, and neither follows nor waits', async () => {
  mkdirSync(join(root, 'directory'));
  writeFileSync(join(root, 'empty'), '');
  symlinkSync('/etc/passwd', join(root, 'link'));
  execFileSync('mkfifo', [join(root, 'fifo')]);
  expect(await measure('directory', 'empty', 'link', 'fifo', 'nowhere')).toEqual({ sampled: 0, incompressible: 0 });
});

it('ends with the host', async () => {
  const ended = AbortSignal.abort(new Error('time is up'));
  await expect(measureCompressibility(root, [bytePathOfText('a')], ended)).rejects.toThrow('time is up');
});
