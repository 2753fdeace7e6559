// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '@local-backup/common/manifest';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readManifest } from './read-manifest.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'manifest-'));
  file = join(directory, 'web1-20261121_030000.tar.gz.json');
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const SHA256 = '0'.repeat(64);
const sums = { seconds: 1, bytes: 1, files: 1 };
const manifest: Manifest = {
  format: 1,
  hostname: 'web1',
  archive: 'web1-20261121_030000.tar.gz',
  created: '2026-11-21T03:00:00Z',
  kind: 'full',
  clientVersion: '1',
  bytes: 1,
  sha256: SHA256,
  totals: { files: 1, entries: 1, bytes: 1 },
  entryList: { name: 'web1-20261121_030000.tar.gz.entries.gz', bytes: 1, sha256: SHA256 },
  status: 'success',
  services: [
    {
      ...{ name: 'a', type: 'b', status: 'success', messages: [], tasks: [] },
      ...{ started: '2026-11-21T03:00:00Z', secondsStopped: 0, ...sums },
    },
  ],
};

it('reads a manifest', async () => {
  writeFileSync(file, JSON.stringify(manifest));
  expect(await readManifest(file)).toEqual(manifest);
});

it('does not wait for a pipe', async () => {
  execFileSync('mkfifo', [file]);
  await expect(readManifest(file)).rejects.toMatchObject({
    code: 'untrusted',
    message: expect.stringMatching(/not a regular file/),
  });
});

it('does not follow a link', async () => {
  const target = join(directory, 'target');
  writeFileSync(target, JSON.stringify(manifest));
  symlinkSync(target, file);
  await expect(readManifest(file)).rejects.toMatchObject({
    code: 'untrusted',
    message: expect.stringMatching(/symbolic link/),
  });
});

it('does not read more than a manifest can have', async () => {
  writeFileSync(file, JSON.stringify(manifest));
  truncateSync(file, 1024 ** 4);
  await expect(readManifest(file)).rejects.toMatchObject({
    code: 'untrusted',
    message: expect.stringMatching(/at most/),
  });
});

it.each(['', '{}', 'null', JSON.stringify({ ...manifest, extra: 1 })])('%s is no manifest', async (text) => {
  writeFileSync(file, text);
  await expect(readManifest(file)).rejects.toMatchObject({ code: 'untrusted' });
});

it('tells that there is none', async () => {
  await expect(readManifest(file)).rejects.toMatchObject({
    code: 'failed',
    message: expect.stringMatching(/there is no such file/),
  });
});
