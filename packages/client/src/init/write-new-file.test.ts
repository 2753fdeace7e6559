// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeDirectories, writeNewFile } from './write-new-file.ts';

let work: string;

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'new-file-'));
});

afterEach(() => rmSync(work, { recursive: true }));

describe('writeNewFile', () => {
  it('writes a file of mode 0600, and leaves nothing beside it', async () => {
    const file = join(work, 'new');
    expect(await writeNewFile(file, 'text')).toBe(true);
    expect([readFileSync(file, 'utf8'), lstatSync(file).mode & 0o7777]).toEqual(['text', 0o600]);
    expect(readdirSync(work)).toEqual(['new']);
  });

  it.each([
    ['a file', (path: string) => writeFileSync(path, 'mine')],
    ['a directory', (path: string) => mkdirSync(path)],
    ['a link to nothing', (path: string) => symlinkSync('nothing', path)],
  ])('leaves alone what is there: %s', async (_, make) => {
    const file = join(work, 'there');
    make(file);
    const before = lstatSync(file, { bigint: true });
    expect(await writeNewFile(file, 'text')).toBe(false);
    const after = lstatSync(file, { bigint: true });
    expect([after.ino, after.size, after.mtimeNs]).toEqual([before.ino, before.size, before.mtimeNs]);
    expect(readdirSync(work)).toEqual(['there']);
  });

  it('says why it cannot', async () => {
    await expect(writeNewFile(join(work, 'none/x'), '')).rejects.toMatchObject({ code: 'failed' });
  });
});

describe('makeDirectories', () => {
  it('makes what is missing, for root alone, and refuses links', async () => {
    expect(await makeDirectories(join(work, 'a/b'), ['c', 'd'])).toBe(join(work, 'a/b/c/d'));
    expect(lstatSync(join(work, 'a/b/c')).mode & 0o7777).toBe(0o700);
    await makeDirectories(join(work, 'a/b'), ['c', 'd']);
    symlinkSync('a', join(work, 'link'));
    await expect(makeDirectories(work, ['link', 'x'])).rejects.toMatchObject({ code: 'config' });
    writeFileSync(join(work, 'file'), '');
    await expect(makeDirectories(work, ['file', 'x'])).rejects.toMatchObject({ code: 'config' });
  });
});
