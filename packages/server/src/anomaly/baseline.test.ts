// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BaselineFiles, createBaselineFiles } from './baseline.ts';

let state: string;
let files: BaselineFiles;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'baseline-'));
  files = createBaselineFiles(state, 'web1');
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const run = (stamp: string) => ({ stamp, files: 1, bytes: 2, archiveBytes: 3, changedShare: 0.5, freshBytes: 4 });

describe('the numbers of the runs before', () => {
  it('are none at first', async () => {
    expect(await files.read()).toEqual({ runs: [], withheld: [] });
    await files.release();
    expect(existsSync(join(state, 'baselines'))).toBe(false);
  });

  it('are kept in order, each run once, only those of a month', async () => {
    for (let night = 1; night <= 40; night += 1) await files.add(run(`${night}`), false);
    await files.add(run('40'), false);
    const { runs } = await files.read();
    expect(runs.map(({ stamp }) => stamp)).toEqual(Array.from({ length: 30 }, (_, index) => `${index + 11}`));
    expect(runs[0]).toEqual(run('11'));
    expect(statSync(join(state, 'baselines', 'web1.json')).mode & 0o777).toBe(0o600);
  });

  it('are withheld while the host is suspicious, and usual once it was released', async () => {
    await files.add(run('1'), false);
    await files.add(run('2'), true);
    await files.add(run('2'), false);
    expect(await files.read()).toEqual({ runs: [run('1')], withheld: [run('2')] });
    await files.release();
    expect(await files.read()).toEqual({ runs: [run('1'), run('2')], withheld: [] });
  });

  it('are begun anew where they are damaged, which is told to whoever reads them', async () => {
    await files.add(run('1'), false);
    writeFileSync(join(state, 'baselines', 'web1.json'), '{');
    await expect(files.read()).rejects.toThrow('Cannot read');
    await files.add(run('2'), false);
    expect(await files.read()).toEqual({ runs: [run('2')], withheld: [] });
  });
});

describe('the entry list that was stored last', () => {
  it('is a copy that replaces the one before, whatever a kill has left', async () => {
    const source = join(state, 'list');
    writeFileSync(source, 'one');
    await files.keepEntryList(source);
    writeFileSync(`${files.entryList}.partial`, 'half of something');
    writeFileSync(source, 'two');
    await files.keepEntryList(source);
    expect(readFileSync(files.entryList, 'utf8')).toBe('two');
    expect(existsSync(`${files.entryList}.partial`)).toBe(false);
    await files.dropEntryList();
    await files.dropEntryList();
    expect(existsSync(files.entryList)).toBe(false);
  });
});
