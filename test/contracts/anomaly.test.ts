// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostRecord } from '@local-backup/common/run-record';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clearSuspicion, readSuspicion, suspicionFile } from '../../packages/server/src/anomaly/suspicion-file.ts';
import {
  type AnomalyLab,
  createAnomalyLab,
  encrypted,
  HOST,
  LIMITS,
  NOW,
  readable,
  usual,
} from '../helpers/anomaly-lab.ts';

/* The anomaly gate in the pipeline, with real live trees and entry lists, over a store in memory. */

let lab: AnomalyLab;
beforeEach(() => {
  lab = createAnomalyLab();
});
afterEach(() => lab.remove());

const warnings = ({ steps }: HostRecord) =>
  steps.filter(({ name, status }) => name === 'anomaly' && status !== 'success').map(({ message = '' }) => message);

const mark = () => readSuspicion(lab.root, HOST);

describe('a host', () => {
  it('that is as one knows it has nothing said about it', async () => {
    for (let night = 0; night < 7; night += 1) {
      const record = await lab.backup(usual({ 'f1.txt': readable(`night ${night}`) }));
      expect(record.status).toBe('success');
      expect(record).not.toHaveProperty('suspicion');
    }
    expect(await mark()).toBeUndefined();
    const { runs, withheld } = await lab.baseline.read();
    expect(withheld).toEqual([]);
    expect(runs).toHaveLength(7);
    expect(runs[0]).not.toHaveProperty('changedShare');
    expect(runs[6]).toMatchObject({ files: 100, archiveBytes: 5_000, changedShare: 0.01, goneShare: 0 });
  });

  it('that was encrypted is stored, and marked with the evidence and the last good snapshot', async () => {
    await lab.backup(usual());
    await lab.backup(usual());
    const record = await lab.backup(encrypted());
    const evidence = [
      expect.stringMatching('100 files got the new ending .locked, while 100 others went'),
      '100 % of the changed files cannot be compressed any more, as if they were encrypted: 100 of 100 that were tried',
    ];
    const lastGood = lab.vault.snapshots[1]?.id;
    expect(record).toMatchObject({ status: 'warning', snapshot: lab.vault.snapshots[2]?.id });
    expect(record.suspicion).toEqual({ evidence, lastGood });
    expect(await mark()).toEqual({ since: NOW.toISOString(), evidence, lastGood });
    expect(warnings(record)).toHaveLength(1);
    expect(warnings(record)[0]).toContain(`backup-server diff ${HOST}@${lastGood?.slice(0, 8)} ${HOST}@latest`);
    expect(warnings(record)[0]).toContain(`backup-server release ${HOST}`);
  });

  it('stays marked, and its runs are no example, until it is released', async () => {
    const locked = encrypted();
    await lab.backup(usual());
    await lab.backup(locked);
    const next = await lab.backup(locked);
    const skipped = await lab.backup({}, { skipped: true });
    const dry = await lab.backup({}, { dryRun: true });
    for (const record of [skipped, dry]) {
      expect(warnings(record)).toEqual([
        expect.stringMatching(/web1 is suspicious since 2026-11-21 04:00:00 UTC: .*release web1/s),
      ]);
      expect(record.suspicion?.lastGood).toBe(lab.vault.snapshots[0]?.id);
    }
    expect(next.suspicion?.lastGood).toBe(lab.vault.snapshots[0]?.id);
    expect(await lab.baseline.read()).toMatchObject({ runs: [{ stamp: '20261101_030000' }], withheld: [{}, {}] });
    await clearSuspicion(lab.root, HOST);
    await lab.baseline.release();
    const quiet = await lab.backup(usual(locked));
    expect(warnings(quiet)).toEqual([]);
    expect(quiet).not.toHaveProperty('suspicion');
    expect((await lab.baseline.read()).runs).toHaveLength(4);
  });

  it('is not looked at where that is switched off, and not compared with what was long ago when it is on again', async () => {
    await lab.backup(usual());
    const off = await lab.backup(encrypted(), { limits: { ...LIMITS, enabled: false } });
    expect(off.status).toBe('success');
    expect((await lab.backup({ only: 'this' })).status).toBe('success');
    expect((await lab.backup({})).suspicion?.evidence).toHaveLength(1);
  });
});

describe('the mark', () => {
  it('is on disk before the snapshot exists: a run that is killed then has not lost it', async () => {
    await lab.backup(usual());
    let markedBefore: unknown;
    const killed = await lab.backup(encrypted(), {
      save: (own) => async (request, signal) => {
        markedBefore = await mark();
        await own(request, signal);
        throw new Error('kill -9');
      },
    });
    expect(killed.status).toBe('failed');
    expect(markedBefore).toMatchObject({ lastGood: lab.vault.snapshots[0]?.id });
    const finished = await lab.backup(encrypted(), { again: true });
    expect(finished.suspicion?.lastGood).toBe(lab.vault.snapshots[0]?.id);
    expect((await lab.baseline.read()).withheld).toHaveLength(1);
  });

  it('is found by the next run where the one before was killed even earlier, with the live tree replaced', async () => {
    await lab.backup(usual());
    const tree = encrypted();
    await lab.unpack(tree, '20261102_030000');
    expect((await lab.backup(tree)).suspicion?.evidence).toHaveLength(2);
  });

  it('that cannot be written is told, and what it would say is found again by the next run', async () => {
    await lab.backup(usual());
    writeFileSync(join(lab.root, 'suspicious'), 'in the way');
    const locked = encrypted();
    const first = await lab.backup(locked);
    expect(first).toMatchObject({ status: 'warning', snapshot: lab.vault.snapshots[1]?.id });
    expect(warnings(first).join('\n')).toContain('web1 could not be marked as suspicious');
    rmSync(join(lab.root, 'suspicious'));
    await lab.backup(locked);
    expect((await mark())?.evidence).toEqual(first.suspicion?.evidence);
  });

  it('that is damaged freezes, is told, and does not keep the host from being backed up', async () => {
    await lab.backup(usual());
    mkdirSync(join(lab.root, 'suspicious'));
    writeFileSync(suspicionFile(lab.root, HOST), '{');
    const record = await lab.backup(usual());
    expect(record).toMatchObject({ status: 'warning', snapshot: lab.vault.snapshots[1]?.id });
    expect(warnings(record)[0]).toContain('backup-server release web1');
    expect((await lab.baseline.read()).withheld).toHaveLength(1);
  });
});

describe('what goes wrong while looking', () => {
  it.each([
    ['the list that was kept', 'web1.entries.gz', 'not gzip', 'could not be compared'],
    ['the numbers that were kept', 'web1.json', '{', 'learned anew'],
  ])('%s is damaged: told once, stored, and right again the next night', async (_, name, content, told) => {
    await lab.backup(usual());
    writeFileSync(join(lab.root, 'baselines', name), content);
    const record = await lab.backup(usual());
    expect(record).toMatchObject({ status: 'warning', snapshot: lab.vault.snapshots[1]?.id });
    expect(warnings(record)).toEqual([expect.stringContaining(told)]);
    expect(record).not.toHaveProperty('suspicion');
    expect((await lab.backup(usual())).status).toBe('success');
    expect((await lab.backup(encrypted())).suspicion?.evidence).toHaveLength(2);
  });

  it('numbers that are damaged do not hide that everything was encrypted', async () => {
    await lab.backup(usual());
    writeFileSync(join(lab.root, 'baselines', 'web1.json'), '{');
    expect((await lab.backup(encrypted())).suspicion?.evidence).toHaveLength(2);
  });

  it('a tree that says nothing about itself is stored without a word', async () => {
    await lab.backup(usual());
    await lab.unpack({}, '20261103_030000');
    rmSync(join(lab.live, '.backup'), { recursive: true });
    const progress = { trail: {} as never, facts: { services: [] } };
    const gate = lab.gate();
    await gate.look({ stamp: '20261103_030000', archiveBytes: 1, lastGood: undefined }, progress);
    await gate.accept(progress);
    expect(progress.facts).toEqual({ services: [] });
    expect(existsSync(suspicionFile(lab.root, HOST))).toBe(false);
  });
});
