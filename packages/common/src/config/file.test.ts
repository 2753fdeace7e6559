// SPDX-License-Identifier: AGPL-3.0-or-later

import { execFileSync } from 'node:child_process';
import { chmod, chown, lchown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfigFile, readOptionalConfigFile, readSecretFile } from './file.ts';

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-file-'));
  file = join(directory, 'x.yml');
  await writeFile(file, 'a: 1\n', { mode: 0o600 });
});

afterEach(() => rm(directory, { recursive: true, force: true }));

describe('a configuration file', () => {
  it.each([0o600, 0o400])('may have mode %o', async (mode) => {
    await chmod(file, mode);
    expect(await readConfigFile(file)).toBe('a: 1\n');
  });

  it.each([0o644, 0o640, 0o660, 0o700, 0o4600])('must not have mode %o', async (mode) => {
    await chmod(file, mode);
    const shown = `0${mode.toString(8)}`.slice(-4);
    await expect(readConfigFile(file)).rejects.toThrow(
      `${file} has mode ${shown}; 0600 or 0400 is needed. Run: chmod 600 ${file}`,
    );
  });

  it('must belong to root', async () => {
    await chown(file, 12_345, 12_345);
    await expect(readConfigFile(file)).rejects.toThrow(
      `belongs to user 12345, not to root. Run: chown root:root ${file} && chmod 600`,
    );
  });

  it('must be there', async () => {
    await expect(readConfigFile(`${file}.not`)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('no such file'),
    });
    expect(await readOptionalConfigFile(`${file}.not`)).toBeUndefined();
    expect(await readOptionalConfigFile(file)).toBe('a: 1\n');
  });

  it('must be a file; a pipe does not hold up the program', async () => {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', ['-m', '600', pipe]);
    await expect(readConfigFile(pipe)).rejects.toThrow('is not a regular file');
    await expect(readConfigFile(directory)).rejects.toThrow('is not a regular file');
  });

  it('may be a link of root, not of somebody else', async () => {
    const link = join(directory, 'link');
    await symlink(file, link);
    expect(await readConfigFile(link)).toBe('a: 1\n');
    await lchown(link, 12_345, 12_345);
    await expect(readConfigFile(link)).rejects.toThrow('is a symbolic link that belongs to user 12345');
  });

  it('must not be in a directory that everybody can write to', async () => {
    const open = join(directory, 'open dir');
    await mkdir(open);
    await writeFile(join(open, 'y'), 'x', { mode: 0o600 });
    await chmod(open, 0o777);
    await expect(readConfigFile(join(open, 'y'))).rejects.toThrow(`Run: chmod o-w '${open}'`);
  });

  it('must be UTF-8 and of reasonable size', async () => {
    await writeFile(file, Buffer.from([0x61, 0xff]));
    await expect(readConfigFile(file)).rejects.toThrow('is not UTF-8');
    await writeFile(file, Buffer.alloc(1024 * 1024 + 1, 0x20));
    await expect(readConfigFile(file)).rejects.toThrow('has 1048577 bytes');
  });
});

describe('a secret', () => {
  it('is read without the line break at its end', async () => {
    await writeFile(file, ' s3cret \n');
    expect(await readSecretFile(file)).toBe(' s3cret ');
  });

  it.each([
    ['', 'is empty'],
    [' \n\n', 'is empty'],
    ['x'.repeat(1_025), 'has 1025 bytes, more than the 1024'],
  ])('%j is none', async (content, message) => {
    await writeFile(file, content);
    await expect(readSecretFile(file)).rejects.toThrow(message);
  });

  it('may be larger where a key is expected', async () => {
    await writeFile(file, 'x'.repeat(4_000));
    expect(await readSecretFile(file, 65_536)).toHaveLength(4_000);
  });

  it('is not read through a link, and not where others could', async () => {
    const link = join(directory, 'link');
    await symlink(file, link);
    await expect(readSecretFile(link)).rejects.toThrow('is a symbolic link');
    await chmod(file, 0o640);
    await expect(readSecretFile(file)).rejects.toThrow('has mode 0640');
  });
});
