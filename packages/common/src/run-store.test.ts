// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunRecord } from './run-record.ts';
import { listRuns, loadRun, newRunId, saveRun, sweepRuns } from './run-store.ts';

let directory: string;

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'run-store-')), 'runs');
});

afterEach(async () => {
  await rm(join(directory, '..'), { recursive: true });
});

const idOf = (second: number) =>
  newRunId(new Date(Date.UTC(2026, 10, 21, 3, 0, second)), new Uint8Array([1, 2, 3, 255]));

const recordOf = (second: number): RunRecord => ({
  format: 1,
  id: idOf(second),
  program: 'backup-client',
  command: 'backup',
  version: '0.1.0',
  hostname: 'web1',
  started: '2026-11-21T03:00:00.000Z',
  status: 'running',
  steps: [],
  hosts: [],
});

describe('run store', () => {
  it('makes ids of time and chance', () => {
    expect(idOf(7)).toBe('20261121_030007-010203ff');
    expect(newRunId(new Date(0), new Uint8Array([0, 0, 0, 0]))).toBe('19700101_000000-00000000');
  });

  it('saves at the start and again at the end', async () => {
    await saveRun(directory, recordOf(0));
    expect(await loadRun(directory, idOf(0))).toMatchObject({ status: 'running' });
    await saveRun(directory, { ...recordOf(0), status: 'success', ended: '2026-11-21T03:01:00.000Z' });
    expect(await loadRun(directory, idOf(0))).toMatchObject({ status: 'success' });
    expect((await stat(join(directory, `${idOf(0)}.json`))).mode & 0o7777).toBe(0o600);
  });

  it('lists the newest first, and what cannot be read with its reason', async () => {
    expect(await listRuns(directory)).toEqual([]);
    for (const second of [2, 1, 3]) await saveRun(directory, recordOf(second));
    await writeFile(join(directory, `${idOf(2)}.json`), '{"format": 1');
    await writeFile(join(directory, `${idOf(0)}.json`), JSON.stringify(recordOf(9)));
    await writeFile(join(directory, '.leftover.json.1234.tmp'), '');
    const runs = await listRuns(directory);
    expect(runs.map(({ id }) => id)).toEqual([3, 2, 1, 0].map(idOf));
    expect(runs.map(({ record }) => record !== undefined)).toEqual([true, false, true, false]);
    expect(runs[1]).toHaveProperty('problem', expect.stringContaining(`${idOf(2)}.json: it is not JSON`));
    expect(runs[3]).toHaveProperty('problem', expect.stringContaining(`holds the record of run ${idOf(9)}`));
  });

  it('does not take a path for an id', async () => {
    await expect(loadRun(directory, '../../etc/passwd')).rejects.toMatchObject({ code: 'usage' });
    await expect(loadRun(directory, idOf(0))).rejects.toMatchObject({ code: 'failed', cause: { code: 'ENOENT' } });
  });

  it('sweeps all but the newest, never the last one', async () => {
    for (const second of [1, 2, 3, 4]) await saveRun(directory, recordOf(second));
    expect(await sweepRuns(directory, 2)).toEqual([idOf(2), idOf(1)]);
    expect(await sweepRuns(directory, 0)).toEqual([idOf(3)]);
    expect(await readdir(directory)).toEqual([`${idOf(4)}.json`]);
  });

  it('sweeps what a killed run was writing, not what another run is writing at this moment', async () => {
    await saveRun(directory, recordOf(1));
    const [young, old] = ['.a.json.0123456789ab.tmp', '.b.json.0123456789ab.tmp'];
    for (const name of [young, old]) await writeFile(join(directory, name), '{');
    const before = new Date(Date.now() - 2 * 3_600_000);
    await utimes(join(directory, old), before, before);
    await sweepRuns(directory, 1);
    expect((await readdir(directory)).sort()).toEqual([young, `${idOf(1)}.json`]);
  });

  it('lists no record that was swept while the others were read', async () => {
    await saveRun(directory, recordOf(1));
    await symlink('swept', join(directory, `${idOf(2)}.json`));
    expect((await listRuns(directory)).map(({ id }) => id)).toEqual([idOf(1)]);
  });

  it('leaves those that are spared, however old they are', async () => {
    for (const second of [1, 2, 3]) await saveRun(directory, recordOf(second));
    expect(await sweepRuns(directory, 1, new Set([idOf(1)]))).toEqual([idOf(2)]);
  });
});
