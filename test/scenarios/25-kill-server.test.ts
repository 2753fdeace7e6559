// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addData,
  expectRestored,
  failureOf,
  freezeWhen,
  isRunningWith,
  killWhole,
  makeNewArchive,
  namesIn,
  newestHost,
  newestRun,
  noise,
  thawWith,
} from '../helpers/faults.ts';
import { descendantsOf, signalAll } from '../helpers/process-tree.ts';
import { createSystemLab, expectCode, type Running, type SystemLab, until } from '../helpers/system-lab.ts';

let lab: SystemLab;
let snapshotsBefore = 0;
let locksBefore: readonly string[] = [];

beforeAll(async () => {
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0'], host: ['bandwidth_limit: 8MiB'] });
  addData(lab, { 'big.bin': noise(6_000_000, 'kill-server'), 'small.txt': 'small\n' });
  await lab.init();
  await newArchive();
  await expectCode(0, lab.server('backup'));
});

afterAll(() => lab.remove());

const inWork = (pattern: RegExp) => namesIn(lab.at('temp', 'lab1')).filter((name) => pattern.test(name));
const bytesOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
const snapshotFiles = () => namesIn(join(lab.repository, 'snapshots')).filter((name) => !name.includes('tmp')).length;
/** Without those that restic was killed while writing, which nobody takes for locks. */
const locks = () => namesIn(join(lab.repository, 'locks')).filter((name) => !name.includes('tmp'));
const newLocks = () => locks().filter((name) => !locksBefore.includes(name));
/** While restic still looks whether its lock counts, for 200 ms, it leaves it behind when it is told to end. */
const isSettled = (lock: string) =>
  Date.now() - (statSync(join(lab.repository, 'locks', lock), { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > 350;
const isFetched = () => inWork(/\.tar\.gz\.[0-9a-f]{16}$/).length > 0;
const unpackedBytes = () => bytesOf(join(lab.live, 'web/app/data', lab.at('data'), 'big.bin'));

/** The moments of a run, and how to know them from outside. */
const MOMENTS = {
  fetch: () => inWork(/\.tar\.gz\.[0-9a-f]{16}\.partial$/).some((name) => bytesOf(lab.at('temp/lab1', name)) > 2e6),
  judge: () => isFetched() && !inWork(/^sandbox$/).length,
  unpack: () => isFetched() && inWork(/^sandbox$/).length > 0 && unpackedBytes() > 100_000 && unpackedBytes() < 6e6,
  save: () => isRunningWith('restic backup --json') && newLocks().some(isSettled),
  confirm: () => snapshotFiles() > snapshotsBefore && lab.archives().length > 0,
} as const;
type Moment = keyof typeof MOMENTS;

/** A run over a new archive that stands still at this moment, and the name of the archive. */
async function frozenAt(moment: Moment): Promise<{ running: Running; archive: string }> {
  for (let attempt = 0; attempt < 4; attempt += 1) {
    const archive = await newArchive();
    snapshotsBefore = snapshotFiles();
    locksBefore = locks();
    if (moment === 'save') slowRestic();
    const running = lab.startServer('backup');
    const caught = (await freezeWhen(running, MOMENTS[moment])) && MOMENTS[moment]();
    lab.configure();
    if (caught) return { running, archive };
    running.child.kill('SIGCONT');
    await running.ended;
  }
  throw new Error(`no run was caught at ${moment}`);
}

/** So that it takes restic some seconds to save what is new. */
function slowRestic(): void {
  const config = readFileSync(lab.serverConfig, 'utf8');
  lab.write(lab.serverConfig, config.replace('restic:\n', 'restic:\n  backup_options: --limit-upload 2000\n'));
}

let generation = 0;

function newArchive(): Promise<string> {
  generation += 1;
  writeFileSync(lab.at('data', 'big.bin'), noise(6_000_000, `generation ${generation}`));
  return makeNewArchive(lab);
}

async function expectNextRun(archive: string): Promise<void> {
  await expectCode(0, lab.server('backup'));
  expect(newestHost(lab)).toMatchObject({ status: expect.stringMatching(/success|warning/), archive });
  expect(newestHost(lab).snapshot).toMatch(/^[0-9a-f]{64}$/);
  expect(lab.archives()).toEqual([]);
  expect(lab.archives(join(lab.spool, 'done'))).toEqual([archive]);
  expect(namesIn(lab.at('temp'))).toEqual([]);
  expect(namesIn(lab.at('server-state', 'unproven'))).toEqual([]);
  const stamp = archive.slice('lab1-'.length, -'.tar.gz'.length);
  const ofStamp = lab.snapshots().filter(({ tags }) => tags.includes(stamp));
  expect(ofStamp).toHaveLength(1);
}

describe('the server is killed (SIGKILL, with all that it has started)', () => {
  it.each(Object.keys(MOMENTS) as Moment[])('at the step %s: the next run completes it', async (moment) => {
    const { running, archive } = await frozenAt(moment);
    killWhole(running);
    await running.ended;
    expect(existsSync(join(lab.spool, `${archive}.json`))).toBe(true);
    expect(newestRun(lab)).toMatchObject({ status: 'running' });
    const { stdout } = await lab.server('status');
    expect(stdout).toContain('under way, or killed before it ended');
    await expectNextRun(archive);
  });
});

describe('only the server itself is killed, and restic lives on', () => {
  it('the next run leaves its live tree alone and says so; when restic has ended, the one after it completes', async () => {
    const { running, archive } = await frozenAt('save');
    const orphans = descendantsOf(running.child.pid ?? 0);
    signalAll(orphans, 'SIGSTOP');
    running.child.kill('SIGKILL');
    await running.ended;
    await expectCode(1, lab.server('backup'));
    expect(failureOf(lab)).toMatch(/Process \d+, left by a run that was killed, is still saving .*live\/lab1/);
    signalAll(orphans, 'SIGCONT');
    await until('the orphans have ended', () => orphans.every((pid) => !existsSync(`/proc/${pid}`)));
    await expectNextRun(archive);
  });
});

describe('the server gets a signal', () => {
  it.each([
    ['SIGTERM', 'fetch', 143],
    ['SIGTERM', 'unpack', 143],
    ['SIGTERM', 'save', 143],
    ['SIGINT', 'save', 130],
  ] as const)('%s at the step %s: it ends in order and tells so', async (signal, moment, code) => {
    await lab.takeMails();
    const { running, archive } = await frozenAt(moment);
    thawWith(running, signal);
    await expectCode(code, running.ended);
    expect(newestRun(lab)).toMatchObject({
      status: 'failed',
      hosts: [{ status: 'failed', steps: expect.arrayContaining([expect.objectContaining({ status: 'failed' })]) }],
    });
    expect(newLocks()).toEqual([]);
    expect(isRunningWith(lab.repository)).toBe(false);
    expect((await lab.takeMails()).map(({ subject }) => subject).join('\n')).toMatch(/FAILED for host lab1/);
    await expectNextRun(archive);
  });
});

it('nothing that was killed has damaged the repository, and every snapshot is there still', async () => {
  execFileSync('restic', ['-r', lab.repository, '-p', lab.at('password'), '--no-cache', 'unlock']);
  const checked = execFileSync('restic', ['-r', lab.repository, '-p', lab.at('password'), '--no-cache', 'check'], {
    encoding: 'utf8',
  });
  expect(checked).toContain('no errors were found');
  await expectRestored(lab);
});
