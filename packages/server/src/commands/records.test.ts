// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listRuns, newRunId } from '@local-backup/common/run-store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { good, runOf } from '../../../../test/helpers/run-records.ts';
import type { ServerConfig } from '../config/config.ts';
import { futureProblems, storedRecords, sweepRecords } from './records.ts';

const now = new Date('2026-11-21T12:00:00.000Z');

let stateDir: string;
let config: Pick<ServerConfig, 'stateDir' | 'hosts' | 'rejectedHosts'>;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'records-'));
  await mkdir(join(stateDir, 'runs'));
  config = { stateDir, hosts: [], rejectedHosts: [{ hostname: 'web1', message: 'a typo' }] };
});

afterEach(() => rm(stateDir, { recursive: true }));

/** Saves a run that began minutes before now. */
async function save(minutes: number, host: string): Promise<string> {
  const started = new Date(now.getTime() - minutes * 60_000);
  const id = newRunId(started, new Uint8Array([0, 0, 0, 1]));
  const time = started.toISOString();
  const record = { ...runOf([{ ...good, host, started: time }]), id, started: time, ended: time };
  await writeFile(join(stateDir, 'runs', `${id}.json`), JSON.stringify(record));
  return id;
}

test('records from the future are no evidence, and it is said which they are and what to do', async () => {
  const past = await save(60, 'web1');
  const future = await save(-60 * 24 * 365, 'web1');
  const stored = await storedRecords({ config, now: () => now });
  expect(stored).toMatchObject({ runs: [{ id: past }], future: [{ id: future }], damaged: [] });
  expect(futureProblems(stored.future, { config })).toEqual([
    `run records from the future do not count: 1, the newest is ${future}. Check the clock of this server (timedatectl); once it is right, move them out of ${stateDir}/runs.`,
  ]);
  expect(futureProblems([], { config })).toEqual([]);
});

test('a clock that has jumped makes nobody forget how a host fared last', async () => {
  const before = await save(600, 'web1');
  const ahead = await save(-600, 'web1');
  for (let minutes = 1; minutes <= 201; minutes += 1) await save(-601 - minutes, 'web2');
  await sweepRecords({ config }, await storedRecords({ config, now: () => now }));
  const left = (await listRuns(join(stateDir, 'runs'))).map(({ id }) => id);
  expect(left).toHaveLength(202);
  expect(left.slice(-2)).toEqual([ahead, before]);
});
