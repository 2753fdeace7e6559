// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipFile } from '@local-backup/common/gunzip-file';
import type { TarLimits, TarTotals } from '@local-backup/common/tar-limits';
import { feedTar } from '@local-backup/common/tar-reader';
import { createTarReader } from '@local-backup/common/tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOSTILE_ARCHIVES, harmlessArchive } from '../helpers/hostile-archives.ts';

/** The bounds that the bombs are meant for. */
const LIMITS: TarLimits = {
  entries: 50_000,
  bytes: 16 * 1024 * 1024,
  pathBytes: 4095,
  depth: 100,
  metaBytes: 1024 * 1024,
  sparseRegions: 1000,
};

let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hostile-'));
});

afterAll(() => rm(directory, { recursive: true }));

async function read(bytes: Buffer): Promise<TarTotals> {
  const file = join(directory, 'archive.tar.gz');
  await writeFile(file, bytes);
  return feedTar(createTarReader({ limits: LIMITS }), gunzipFile(file));
}

describe('the strict reader', () => {
  it('accepts an archive with nothing wrong', async () => {
    expect(await read(harmlessArchive())).toEqual({ files: 1, entries: 6, bytes: 12 });
  });

  it.each(HOSTILE_ARCHIVES.filter(({ refusedBy }) => refusedBy !== 'judge'))('refuses: $name', async ({ bytes }) => {
    await expect(read(bytes())).rejects.toMatchObject({ name: 'BackupError', code: 'untrusted' });
  });

  it.each(HOSTILE_ARCHIVES.filter(({ refusedBy }) => refusedBy === 'judge'))(
    'leaves to the judge what is well-formed: $name',
    async ({ bytes }) => {
      expect((await read(bytes())).entries).toBeGreaterThan(2);
    },
  );
});
