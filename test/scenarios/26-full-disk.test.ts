// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  addData,
  addHost,
  expectRestored,
  failureOf,
  freezeWhen,
  makeNewArchive,
  mountSmall,
  namesIn,
  newestHost,
  newestRun,
  noise,
} from '../helpers/faults.ts';
import { publishHarmless } from '../helpers/hostile-spool.ts';
import { descendantsOf, signalAll } from '../helpers/process-tree.ts';
import { createSystemLab, expectCode, type SystemLab } from '../helpers/system-lab.ts';

let lab: SystemLab;
let unmount: (() => void)[] = [];

beforeEach(async () => {
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0'] });
  unmount = [];
});

afterEach(async () => {
  for (const undo of unmount) undo();
  await lab.remove();
});

const mount = (directory: string, options: string) => unmount.push(mountSmall(directory, options));

describe('the disk of the client', () => {
  const archive = () => makeNewArchive(lab);

  beforeEach(() => {
    mount(lab.spool, 'size=8m');
    addData(lab, { 'noise.bin': noise(16_000_000, 'full') });
    const state = lab.at('state');
    writeFileSync(state, 'up\n');
    const commands = `before: echo down > ${state}, run: date, stdout: date.txt, after: echo up > ${state}`;
    lab.addService('web/app', `service: {name: app}\nfiles: {paths: [${lab.at('data')}]}\ncommand: {${commands}}\n`);
  });

  it('becomes full while the archive is written: the run fails, puts the service back and leaves nothing; then it works', async () => {
    const { stderr } = await expectCode(1, lab.client('backup'));
    expect(stderr).toMatch(/ENOSPC|no space left/i);
    expect(namesIn(lab.spool)).toEqual(['done']);
    expect(readFileSync(lab.at('state'), 'utf8')).toBe('up\n');
    const [mail] = await lab.takeMails();
    expect(mail).toMatchObject({ subject: expect.stringMatching(/lab1 - Backup FAILED \(Code: 1\)/) });
    expect(mail?.text).toMatch(/ENOSPC|no space left/i);
    expect(newestRun(lab, 'client')).toMatchObject({ status: 'failed' });
    writeFileSync(lab.at('data', 'noise.bin'), noise(1_000_000, 'less'));
    await archive();
    await lab.init();
    await expectCode(0, lab.server('backup'));
    await expectRestored(lab);
  });

  it('has less than min_free_space_mb: the run fails before any service is touched, and says the numbers', async () => {
    const config = readFileSync(lab.clientConfig, 'utf8');
    lab.write(lab.clientConfig, config.replace('min_free_space_mb: 1\n', 'min_free_space_mb: 100\n'));
    rmSync(lab.at('state'));
    const { stderr } = await expectCode(1, lab.client('backup'));
    expect(stderr).toMatch(/Not enough free space in \S+: (8|7\.\d+) MiB free, min_free_space_mb demands 100 MiB/);
    expect(stderr).toContain('Free some space, lower keep_days, or move base_backup_dir');
    expect(namesIn(lab.at('state'))).toEqual([]);
    expect(namesIn(lab.spool)).toEqual(['done']);
    expect(await lab.takeMails()).toHaveLength(1);
  });

  it('has no inode left: the run fails, leaves nothing, and works when there are some', async () => {
    unmount.pop()?.();
    mount(lab.spool, 'size=64m,nr_inodes=8');
    mkdirSync(join(lab.spool, 'done'));
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(lab.spool, name), '');
    await expectCode(1, lab.client('backup'));
    expect(namesIn(lab.spool)).toEqual(['a', 'b', 'c', 'd', 'done']);
    expect(readFileSync(lab.at('state'), 'utf8')).toBe('up\n');
    for (const name of ['a', 'b', 'c', 'd']) rmSync(join(lab.spool, name));
    unmount.pop()?.();
    mount(lab.spool, 'size=64m');
    await archive();
  });
});

describe('the disk of the server', () => {
  const isLocalFailure = (where: string) => new RegExp(`Not enough space in ${where} to (fetch|unpack) lab1-`);

  /** A second host, whose archive is small. */
  async function addSmallHost(): Promise<void> {
    const spool = addHost(lab, 'lab2');
    await expectCode(0, lab.server('init', 'lab2'));
    await publishHarmless({ spool, hostname: 'lab2', stamp: '20261101_030000' });
  }

  beforeEach(async () => {
    addData(lab, { 'noise.bin': noise(8_000_000, 'server'), 'zeros.bin': Buffer.alloc(40_000_000, 'zero\n') });
    await makeNewArchive(lab);
    await lab.init();
    await addSmallHost();
  });

  it('has no room for the archive: that host fails before a byte is fetched, the other one is stored', async () => {
    mount(lab.at('temp'), 'size=70m');
    await expectCode(1, lab.server('backup'));
    expect(failureOf(lab)).toMatch(isLocalFailure(lab.at('temp', 'lab1')));
    expect(failureOf(lab)).toMatch(/7\d\.\d MiB are needed, (70|69\.\d) MiB are free\. Make room there/);
    expect(newestHost(lab, 'lab2').status).toBe('success');
    expect(lab.archives()).toHaveLength(1);
    unmount.pop()?.();
    await expectCode(0, lab.server('backup', 'lab1'));
    await expectRestored(lab);
  });

  it('has no room for the unpacked tree: it is measured first; the archive that was fetched is not fetched again', async () => {
    mkdirSync(lab.at('server-state'), { recursive: true, mode: 0o700 });
    mount(lab.at('server-state', 'live'), 'size=100m');
    await expectCode(1, lab.server('backup'));
    expect(failureOf(lab)).toMatch(isLocalFailure(lab.at('server-state/live/lab1')));
    expect(newestHost(lab, 'lab2').status).toBe('success');
    expect(lab.archives()).toHaveLength(1);
    unmount.pop()?.();
    await expectCode(0, lab.server('backup', 'lab1'));
    expect(namesIn(lab.at('temp'))).toEqual([]);
    await expectRestored(lab);
  });

  it('has too few inodes for the unpacked tree: they are counted first, and the other host is stored', async () => {
    for (let index = 0; index < 300; index += 1) writeFileSync(lab.at('data', `file ${index}`), `${index}`);
    await makeNewArchive(lab);
    mkdirSync(lab.at('server-state'), { recursive: true, mode: 0o700 });
    mount(lab.at('server-state', 'live'), 'size=300m,nr_inodes=200');
    await expectCode(1, lab.server('backup'));
    expect(failureOf(lab)).toMatch(
      /Not enough inodes in \S+live\/lab1 to unpack lab1-\S+: 3\d\d are needed, 1\d\d are free/,
    );
    expect(newestHost(lab, 'lab2').status).toBe('success');
    unmount.pop()?.();
    await expectCode(0, lab.server('backup', 'lab1'));
    await expectRestored(lab);
  });

  it('becomes full in the middle of unpacking: nothing is stored, and the next run works', async () => {
    writeFileSync(lab.at('data', 'zeros.bin'), Buffer.alloc(200_000_000, 'zero\n'));
    await makeNewArchive(lab);
    const live = lab.at('server-state', 'live');
    mkdirSync(lab.at('server-state'), { recursive: true, mode: 0o700 });
    mount(live, 'size=320m');
    const running = lab.startServer('backup', 'lab1');
    const zeros = join(live, 'lab1/web/app/data', lab.at('data'), 'zeros.bin');
    expect(await freezeWhen(running, () => existsSync(zeros))).toBe(true);
    const tar = descendantsOf(running.child.pid ?? 0);
    signalAll(tar, 'SIGSTOP');
    expect(() => writeFileSync(join(live, 'filler'), Buffer.alloc(340_000_000))).toThrow(/ENOSPC/);
    for (const pids of [tar, [running.child.pid ?? 0]]) signalAll(pids, 'SIGCONT');
    await expectCode(1, running.ended);
    expect(failureOf(lab)).toMatch(/No space left on device/);
    expect(lab.snapshots()).toEqual([]);
    expect(lab.archives().length).toBeGreaterThan(0);
    rmSync(join(live, 'filler'));
    await expectCode(0, lab.server('backup'));
    expect(newestHost(lab, 'lab2').status).toBe('success');
    await expectRestored(lab);
  });
});
