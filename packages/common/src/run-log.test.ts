// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRunLog } from './run-log.ts';

let directory: string;

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'run-log-')), 'logs');
});

afterEach(async () => {
  await rm(join(directory, '..'), { recursive: true });
});

const open = (second = 0, keep = 20) =>
  openRunLog({ directory, program: 'backup-client', now: new Date(Date.UTC(2026, 10, 21, 3, 0, second)), keep });

describe('openRunLog', () => {
  it('collects lines in a file that only its owner can read, and tells where after a failure', async () => {
    const log = await open();
    log.write('one\n');
    log.write('two\n');
    expect(log.path).toMatch(/\/local_backup_log\.backup-client\.20261121_030000-[0-9a-f]{6}$/);
    expect((await stat(log.path)).mode & 0o7777).toBe(0o600);
    expect(await log.close(false)).toBe(`Full log of this run: ${log.path}`);
    expect(await readFile(log.path, 'utf8')).toBe('one\ntwo\n');
  });

  it('is gone after success', async () => {
    const log = await open();
    expect(await log.close(true)).toBeUndefined();
    expect(await readdir(directory)).toEqual([]);
  });

  it('removes the oldest, of this program alone', async () => {
    await (await open(0)).close(false);
    await writeFile(join(directory, 'local_backup_log.backup-server.20200101_000000-aaaaaa'), '');
    for (const second of [1, 2, 3]) await (await open(second, 3)).close(false);
    const stamps = (await readdir(directory)).sort().map((name) => name.split('.').slice(1).join('.').slice(0, 29));
    expect(stamps).toEqual([
      'backup-client.20261121_030001',
      'backup-client.20261121_030002',
      'backup-client.20261121_030003',
      'backup-server.20200101_000000',
    ]);
  });

  it('says where it cannot write', async () => {
    await writeFile(directory, 'a file');
    await expect(open()).rejects.toThrow(`Cannot write the log of this run, ${directory}/`);
  });
});
