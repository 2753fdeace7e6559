// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addData,
  expectRestored,
  failureOf,
  makeNewArchive,
  mountSmall,
  namesIn,
  newestHost,
  noise,
} from '../helpers/faults.ts';
import { type ResticSeries, resticOf } from '../helpers/restic-versions.ts';
import { createSystemLab, expectCode, type SystemLab, until } from '../helpers/system-lab.ts';

let lab: SystemLab;
let program = '';

async function begin(series: ResticSeries): Promise<void> {
  program = await resticOf(series);
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0'] });
  const config = readFileSync(lab.serverConfig, 'utf8');
  lab.write(lab.serverConfig, config.replace('restic:\n', `restic:\n  restic_cmd: ${program}\n`));
  addData(lab, { 'noise.bin': noise(200_000, series), 'note.txt': 'a note\n' });
  await lab.init();
  await makeNewArchive(lab);
  await expectCode(0, lab.server('backup'));
}

const away = () => `${lab.repository}.away`;
const restic = (...args: string[]) =>
  execFileSync(program, ['-r', lab.repository, '-p', lab.at('password'), '--no-cache', ...args], { stdio: 'pipe' });
const locks = () => namesIn(join(lab.repository, 'locks')).filter((name) => /^[0-9a-f]{64}$/.test(name));

interface Trouble {
  readonly trouble: string;
  readonly cause: () => void;
  readonly says: RegExp;
  readonly mend: () => void;
}

const MISSING: Trouble = {
  trouble: 'the repository is missing: it is never created by a run',
  cause: () => renameSync(lab.repository, away()),
  says: /There is no restic repository at \S+lab1\. A run never creates one, .* everything is mounted/,
  mend: () => {
    expect(existsSync(lab.repository)).toBe(false);
    renameSync(away(), lab.repository);
  },
};
const WRONG_PASSWORD: Trouble = {
  trouble: 'the password is not the right one',
  cause: () => writeFileSync(lab.at('password'), 'wrong horse\n'),
  says: /The password from \S+password does not open the restic repository at \S+lab1\. Nothing was changed/,
  mend: () => writeFileSync(lab.at('password'), 'correct horse battery staple\n'),
};
const SWAPPED: Trouble = {
  trouble: 'another repository is in its place',
  cause: () => {
    renameSync(lab.repository, away());
    restic('init');
  },
  says: /is not the one that was initialised for lab1 on .*its id is \w{10}, expected was \w{10}\. .*another disk/,
  mend: () => {
    expect(namesIn(join(lab.repository, 'snapshots'))).toEqual([]);
    rmSync(lab.repository, { recursive: true });
    renameSync(away(), lab.repository);
  },
};
const EMPTY_PASSWORD: Trouble = {
  trouble: 'the password file is empty',
  cause: () => writeFileSync(lab.at('password'), '\n'),
  says: /The restic password file \S+password is empty/,
  mend: WRONG_PASSWORD.mend,
};
const EMPTY_DIRECTORY: Trouble = {
  trouble: 'an empty directory is in its place, as when a disk is not mounted',
  cause: () => {
    renameSync(lab.repository, away());
    mkdirSync(lab.repository);
  },
  says: /There is no restic repository at \S+lab1\./,
  mend: () => {
    expect(namesIn(lab.repository)).toEqual([]);
    rmSync(lab.repository, { recursive: true });
    renameSync(away(), lab.repository);
  },
};

async function expectFailure(archive: string, says: RegExp): Promise<void> {
  await expectCode(1, lab.server('backup'));
  expect(failureOf(lab)).toMatch(says);
  expect(newestHost(lab).snapshot).toBeUndefined();
  expect(lab.archives()).toEqual([archive]);
  const [mail] = await lab.takeMails();
  expect(mail?.subject).toMatch(/Backup FAILED for host lab1/);
  expect(mail?.text.replace(/\s+/g, ' ')).toMatch(says);
}

async function expectSuccess(archive: string): Promise<void> {
  await expectCode(0, lab.server('backup'));
  expect(newestHost(lab)).toMatchObject({ status: 'success', archive });
  expect(lab.archives()).toEqual([]);
  await lab.takeMails();
}

async function failThenSucceed({ cause, says, mend }: Trouble): Promise<void> {
  const archive = await makeNewArchive(lab);
  await lab.takeMails();
  cause();
  try {
    await expectFailure(archive, says);
  } finally {
    mend();
  }
  await expectSuccess(archive);
}

/** A `restic check`, stopped while it holds its exclusive lock. */
async function holdLock(): Promise<() => Promise<void>> {
  const left = locks().length;
  const holder = spawn(program, ['-r', lab.repository, '-p', lab.at('password'), '--no-cache', 'check'], {
    stdio: 'ignore',
  });
  const ended = once(holder, 'exit');
  await until('the repository is locked', () => locks().length > left);
  holder.kill('SIGSTOP');
  return async () => {
    holder.kill('SIGCONT');
    await ended;
  };
}

describe('with restic 0.14', () => {
  beforeAll(() => begin('0.14'));
  afterAll(() => lab.remove());

  it.each([MISSING, EMPTY_DIRECTORY, WRONG_PASSWORD, EMPTY_PASSWORD, SWAPPED])('$trouble', failThenSucceed);

  it('the repository is locked by another command: that is said, and the lock is left alone', async () => {
    const archive = await makeNewArchive(lab);
    await lab.takeMails();
    const release = await holdLock();
    try {
      await expectFailure(archive, /is locked by another restic command, named below\. Wait until it has ended/);
      expect(locks().length).toBeGreaterThan(0);
    } finally {
      await release();
    }
    await expectSuccess(archive);
  });

  it('what was stored through all that can be restored', () => expectRestored(lab));
});

describe('with restic 0.18', () => {
  beforeAll(() => begin('0.18'));
  afterAll(() => lab.remove());

  it.each([MISSING, WRONG_PASSWORD, SWAPPED])('$trouble', failThenSucceed);

  it('the repository is locked by another command for a while: it is waited for', async () => {
    const archive = await makeNewArchive(lab);
    const release = await holdLock();
    const run = lab.startServer('backup');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(run.child.exitCode).toBeNull();
    await release();
    await expectCode(0, run.ended);
    expect(newestHost(lab)).toMatchObject({ status: 'success', archive });
  });

  it('what was stored through all that can be restored', () => expectRestored(lab));
});

describe.each(['0.14', '0.18'] as const)('with restic %s, the disk of the repository is full', (series) => {
  let unmount: (() => void) | undefined;
  beforeAll(() => begin(series));
  afterAll(async () => {
    unmount?.();
    await lab.remove();
  });

  it('that is said, what is stored stays, the archive stays; and when there is room the next run stores it', async () => {
    const disk = lab.at('disk');
    unmount = mountSmall(disk, 'size=6m');
    execFileSync('cp', ['-a', `${lab.repository}/.`, disk]);
    renameSync(lab.repository, away());
    execFileSync('ln', ['-s', disk, lab.repository]);
    const stored = lab.snapshots();
    writeFileSync(lab.at('data', 'noise.bin'), noise(12_000_000, 'too much'));
    const archive = await makeNewArchive(lab);
    await lab.takeMails();
    await expectFailure(
      archive,
      /No space left for the restic repository at \S+lab1 .*What was stored before is intact/,
    );
    expect(lab.snapshots()).toEqual(stored);
    execFileSync('mount', ['-o', 'remount,size=64m', disk]);
    await expectSuccess(archive);
    await expectRestored(lab);
  });
});
