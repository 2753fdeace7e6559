// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  addData,
  expectRestored,
  freezeWhen,
  isRunningWith,
  killWhole,
  makeNewArchive,
  namesIn,
  newestRun,
  noise,
  thawWith,
  wholeArchives,
} from '../helpers/faults.ts';
import { createSystemLab, expectCode, type Running, type SystemLab, until } from '../helpers/system-lab.ts';

let lab: SystemLab;

/** A program of the service: says that it has begun, and goes on when the gate is gone. */
const gated = (name: string, ending: string) =>
  `#!/bin/sh
touch ${lab.at(`begun-${name}`)}
for turn in $(seq 200); do [ -e ${lab.at(`gate-${name}`)} ] || break; sleep 0.05; done
${ending}
`;

beforeAll(async () => {
  lab = await createSystemLab();
  addData(lab, { 'big.bin': noise(12_000_000, 'kill-client'), 'small.txt': 'small\n' });
  lab.write(lab.at('before'), gated('before', `echo down > ${lab.at('state')}`), 0o700);
  lab.write(lab.at('run'), gated('run', 'echo dumped'), 0o700);
  const commands = `before: [${lab.at('before')}], run: [${lab.at('run')}], after: echo up > ${lab.at('state')}`;
  lab.addService(
    'web/app',
    `service: {name: app}\nfiles: {paths: [${lab.at('data')}]}\ncommand: {${commands}, stdout: dump.txt}\n`,
  );
  await lab.init();
  await expectCode(0, lab.client('backup'));
});

afterAll(() => lab.remove());

beforeEach(() => {
  for (const name of ['before', 'run']) {
    rmSync(lab.at(`gate-${name}`), { force: true });
    rmSync(lab.at(`begun-${name}`), { force: true });
  }
  writeFileSync(lab.at('state'), 'up\n');
});

const inSpool = (pattern: RegExp) => namesIn(lab.spool).filter((name) => pattern.test(name));
const serviceState = () => readFileSync(lab.at('state'), 'utf8').trim();
const partialBytes = () => {
  const [partial] = inSpool(/^\..*\.tar\.gz\.partial$/);
  return partial === undefined ? 0 : (statSync(join(lab.spool, partial), { throwIfNoEntry: false })?.size ?? 0);
};
/** Bytes of the data of the service, which stands still for it, in temporary tars. */
const heldBytes = () => {
  const [work = ''] = inSpool(/^backup\./);
  const tars = work === '' ? [] : namesIn(join(lab.spool, work)).filter((name) => name.endsWith('.tar'));
  const files = tars.map((name) => statSync(join(lab.spool, work, name), { throwIfNoEntry: false }));
  return files.reduce((sum, file) => sum + (file?.size ?? 0), 0);
};
const hasWorkDirectory = () => inSpool(/^backup\./).length > 0;
const unpublished = () => lab.archives().filter((name) => !existsSync(join(lab.spool, `${name}.json`)));

/** The moments of a run, and how to know them from outside. */
const MOMENTS: readonly { name: string; gate?: string; reached: () => boolean; notTheEnd?: boolean }[] = [
  { name: 'while the service is being stopped', gate: 'before', reached: () => existsSync(lab.at('begun-before')) },
  { name: 'while the dump is being made', gate: 'run', reached: () => existsSync(lab.at('begun-run')) },
  { name: 'while the data is held', reached: () => heldBytes() > 1_000_000 },
  { name: 'while the archive grows', reached: () => partialBytes() > 1_000_000 },
  { name: 'while the archive is being verified', reached: () => partialBytes() > 1_000_000 && !hasWorkDirectory() },
  { name: 'between rename and manifest', reached: () => unpublished().length > 0, notTheEnd: true },
  { name: 'while the manifest is being written', reached: () => inSpool(/\.tmp$/).length > 0, notTheEnd: true },
];
type Moment = (typeof MOMENTS)[number];

/** A run that stands still at this moment. The last ones are short: what was missed is tried again. */
async function frozenAt({ name, gate, reached }: Moment): Promise<Running> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    if (gate !== undefined) writeFileSync(lab.at(`gate-${gate}`), '');
    const running = lab.startClient('backup');
    if ((await freezeWhen(running, reached)) && reached()) return running;
    running.child.kill('SIGCONT');
    await running.ended;
  }
  throw new Error(`no run was caught ${name}`);
}

function expectTidy(): void {
  expect(inSpool(/^\.|^backup\./)).toEqual([]);
  expect(namesIn(join(lab.spool, 'done')).filter((name) => name.startsWith('.'))).toEqual([]);
  expect(namesIn(lab.at('client-state', 'undo'))).toEqual([]);
  expect(serviceState()).toBe('up');
  expect(unpublished()).toEqual([]);
}

async function expectNextRun(): Promise<void> {
  for (const name of ['before', 'run']) rmSync(lab.at(`gate-${name}`), { force: true });
  const archive = await makeNewArchive(lab);
  expectTidy();
  expect(wholeArchives(lab.spool)).toContain(archive);
  expect(newestRun(lab, 'client')).toMatchObject({ hosts: [{ archive }] });
}

describe('the client is killed (SIGKILL, with all that it has started)', () => {
  it.each(MOMENTS)('$name: recover puts the service back, the next run publishes', async (moment) => {
    const running = await frozenAt(moment);
    killWhole(running);
    await running.ended;
    wholeArchives(lab.spool);
    expect(newestRun(lab, 'client')).toMatchObject({ status: 'running' });
    const { output } = await expectCode(0, lab.client('recover'));
    expect(output).toContain('Undone what an earlier run had left: the spool lock');
    expect(serviceState()).toBe('up');
    expect(inSpool(/\.lock$/)).toEqual([]);
    await expectNextRun();
  });

  it('and nobody calls recover: the next run puts the service back before anything else, and says so', async () => {
    const running = await frozenAt(MOMENTS[1] as Moment);
    expect(serviceState()).toBe('down');
    killWhole(running);
    await running.ended;
    expect(serviceState()).toBe('down');
    await expectNextRun();
    expect(newestRun(lab, 'client')).toMatchObject({
      status: 'warning',
      hosts: [
        {
          steps: expect.arrayContaining([
            expect.objectContaining({ message: expect.stringContaining('what command did to web/app') }),
          ]),
        },
      ],
    });
  });

  it('at moments that chance has chosen: the next run publishes every time', async () => {
    const started = performance.now();
    await expectCode(0, lab.client('backup'));
    const wholeMs = performance.now() - started;
    for (const part of [0.11, 0.37, 0.58, 0.74, 0.83, 0.95]) {
      const running = lab.startClient('backup');
      await sleep(wholeMs * part);
      killWhole(running);
      await running.ended;
      wholeArchives(lab.spool);
    }
    await expectNextRun();
  });
});

describe('only the client itself is killed, and what it has started lives on', () => {
  it('while the dump is being made: recover puts the service back, the next run does not mind the orphan', async () => {
    const running = await frozenAt(MOMENTS[1] as Moment);
    running.child.kill('SIGKILL');
    await running.ended;
    await expectCode(0, lab.client('recover'));
    expect(serviceState()).toBe('up');
    await expectNextRun();
    await until('the orphan has ended', () => !isRunningWith(lab.at('run')));
  });
});

describe.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('the client gets %s', (signal, code) => {
  it.each(MOMENTS)('$name: it puts everything back itself', async (moment) => {
    const running = await frozenAt(moment);
    const known = new Set(wholeArchives(lab.spool));
    thawWith(running, signal);
    const ended = await running.ended;
    // A run that is publishing finishes that: half a publication would be worth less than either.
    expect(moment.notTheEnd === true ? [0, code] : [code]).toContain(ended.code);
    expectTidy();
    const added = wholeArchives(lab.spool).filter((name) => !known.has(name));
    expect(added).toHaveLength(ended.code === 0 ? 1 : 0);
    expect(newestRun(lab, 'client').status).not.toBe('running');
  });

  it('and the next run publishes', expectNextRun);
});

it('after all that the server stores what is there, and it can be restored', async () => {
  await lab.takeMails();
  await expectCode(0, lab.server('backup'));
  expect(lab.snapshots()).toHaveLength(1);
  await expectRestored(lab);
});
