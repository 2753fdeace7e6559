// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { readJson, writeFileAtomic } from './atomic-file.ts';
import { BackupError } from './errors.ts';

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'atomic-'));
  file = join(directory, 'file');
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('writeFileAtomic', () => {
  it('sets content and mode whatever was there and whatever the umask is', async () => {
    await writeFile(file, 'old content, longer');
    const umask = process.umask(0o077);
    await writeFileAtomic(file, 'new', { mode: 0o644 });
    process.umask(umask);
    expect(await readFile(file, 'utf8')).toBe('new');
    expect((await stat(file)).mode & 0o7777).toBe(0o644);
    expect(await readdir(directory)).toEqual(['file']);
  });

  it('sets one of the owners and leaves the other', async () => {
    await writeFileAtomic(file, new Uint8Array([0, 255]), { mode: 0o640, gid: 1 });
    expect(await stat(file)).toMatchObject({ uid: process.geteuid?.(), gid: 1, size: 2 });
  });

  it('replaces a symlink and does not follow it', async () => {
    const target = join(directory, 'target');
    await writeFile(target, 'untouched');
    await symlink(target, file);
    await writeFileAtomic(file, 'new', { mode: 0o600 });
    expect((await lstat(file)).isFile()).toBe(true);
    expect(await readFile(target, 'utf8')).toBe('untouched');
  });

  it('leaves nothing behind when it fails, and names the file', async () => {
    await mkdir(join(file, 'not-empty'), { recursive: true });
    await expect(writeFileAtomic(file, 'new', { mode: 0o600 })).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining(`Cannot write ${file}: `),
    });
    expect(await readdir(directory)).toEqual(['file']);
    await expect(writeFileAtomic(join(directory, 'none', 'x'), '', { mode: 0o600 })).rejects.toThrow('ENOENT');
  });
});

describe('readJson', () => {
  const schema = z.strictObject({ count: z.int() });

  it('reads what fits the schema', async () => {
    await writeFile(file, '{"count": 3}');
    expect(await readJson(file, schema)).toEqual({ count: 3 });
  });

  it.each([
    ['empty', '', 'not JSON'],
    ['cut off', '{"count": 3', 'not JSON'],
    ['of another kind', '{"count": "many"}', 'count'],
    ['of more than it should be', '{"count": 3, "extra": 1}', 'extra'],
  ])('names a file that is %s', async (_name, content, reason) => {
    await writeFile(file, content);
    const error = await readJson(file, schema).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BackupError);
    expect(String(error)).toContain(`Cannot read ${file}: `);
    expect(String(error)).toContain(reason);
  });

  it('tells a missing file by the cause', async () => {
    await expect(readJson(file, schema)).rejects.toMatchObject({ code: 'failed', cause: { code: 'ENOENT' } });
  });

  it('names a directory in the place of the file', async () => {
    await mkdir(file);
    await chmod(file, 0o700);
    await expect(readJson(file, schema)).rejects.toThrow(`Cannot read ${file}: `);
  });
});
