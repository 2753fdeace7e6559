// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleOf, createSystemLab, expectCode, nextSecond, type SystemLab } from '../helpers/system-lab.ts';

/* A host is encrypted by ransomware: what the server makes of it, and how an admin puts it right. */

let lab: SystemLab;

const limits = 'anomaly: { min_files: 10, min_runs: 2 }';
const names = Array.from({ length: 30 }, (_, index) => `letter-${index}.txt`);
const markFile = () => lab.at('server-state/suspicious/lab1.json');

beforeAll(async () => {
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0'], host: [limits] });
  mkdirSync(lab.at('data'));
  const letter = 'Dear Sir or Madam, the weather has been fine. '.repeat(100);
  for (const name of names) writeFileSync(lab.at('data', name), `${name}\n${letter}`);
  lab.addService('web/app', `service: {name: app}\nfiles: {paths: [${lab.at('data')}]}\n`);
  await lab.init();
  await backup(0);
  await lab.takeMails();
});

afterAll(() => lab.remove());

/** One night: an archive, and the run that fetches it. */
async function backup(code: number) {
  await nextSecond();
  await expectCode(0, lab.client('backup'));
  return expectCode(code, lab.server('backup'));
}

function encryptEverything(): void {
  for (const name of names) {
    writeFileSync(lab.at('data', name), randomBytes(4_096));
    renameSync(lab.at('data', name), lab.at('data', `${name}.locked`));
  }
}

/** Somebody at a terminal. */
function answer(typed: string, ...words: string[]) {
  const command = [process.execPath, bundleOf('server'), '-c', lab.serverConfig, ...words].join(' ');
  const options = { input: `${typed}\n`, encoding: 'utf8' } as const;
  return spawnSync('script', ['--quiet', '--return', '--command', command, '/dev/null'], options);
}

const lastRecord = () => lab.records('server').at(-1)?.hosts[0];

describe('the night after it has happened', () => {
  it('is stored, and its report says why something must have happened and what to do', async () => {
    encryptEverything();
    const { stdout } = await backup(0);
    const [good, bad] = lab.snapshots();
    expect(bad).toBeDefined();
    const evidence = [
      '30 files got the new ending .locked, while 30 others went',
      '100 % of the changed files cannot be compressed any more, as if they were encrypted: 30 of 30 that were tried',
    ];
    expect(lastRecord()).toMatchObject({
      status: 'warning',
      snapshot: bad?.id,
      suspicion: { evidence, lastGood: good?.id },
    });
    expect(JSON.parse(readFileSync(markFile(), 'utf8'))).toMatchObject({ evidence, lastGood: good?.id });
    expect(stdout).toContain('30 files got the new ending .locked');
    const [mail] = await lab.takeMails();
    expect(mail?.text).toContain('30 files got the new ending .locked');
    expect(mail?.text).toContain(good?.id.slice(0, 8));
    expect(mail?.text).toContain('backup-server release lab1');
  });

  it('the comparison that the report names shows what happened', async () => {
    const words = /backup-server (diff lab1@\w+ lab1@latest)/.exec(
      lastRecord()?.steps.find(({ name }) => name === 'anomaly')?.message ?? '',
    );
    const { stdout } = await expectCode(0, lab.server(...(words?.[1] ?? '').split(' ')));
    expect(stdout).toMatch(/^- .*letter-7\.txt$/m);
    expect(stdout).toMatch(/^\+ .*letter-7\.txt\.locked$/m);
  });
});

describe('until somebody has looked', () => {
  it('every run says so again, also one that finds nothing new on the host', async () => {
    const { stdout } = await expectCode(0, lab.server('backup'));
    expect(stdout).toContain('lab1 is suspicious since');
    expect(lastRecord()?.suspicion?.evidence).toHaveLength(2);
  });

  it('nothing is forgotten, and it is said why', async () => {
    const { stdout } = await expectCode(0, lab.server('forget', 'lab1', '--dry-run'));
    expect(stdout).toMatch(/suspicious since .*30\s+files\s+got\s+the\s+new\s+ending/s);
  });

  it('is not released by accident', async () => {
    const nothing = await expectCode(2, lab.server('release'));
    expect(nothing.stderr).toContain('Suspicious: lab1.');
    const unasked = await expectCode(2, lab.server('release', 'lab1'));
    expect(unasked.stdout).toContain('30 files got the new ending .locked');
    expect(unasked.stderr).toContain('--yes');
    const refused = answer('n', 'release', 'lab1');
    expect(refused).toMatchObject({ status: 1, stdout: expect.stringContaining('lab1 is left as it is') });
    expect(existsSync(markFile())).toBe(true);
  });
});

describe('an admin who has looked', () => {
  it('releases the host, which is noted', async () => {
    const { status, stdout } = answer('y', 'release', 'lab1');
    expect(stdout).toContain('lab1 is released');
    expect(status).toBe(0);
    expect(existsSync(markFile())).toBe(false);
    expect(readFileSync(lab.at('server-state/suspicious/released.log'), 'utf8')).toMatch(
      /^\S+Z lab1 released by \w+: .*\.locked/,
    );
    const again = await expectCode(0, lab.server('release', 'lab1', '--json'));
    expect(JSON.parse(again.stdout)).toEqual({ hosts: [{ host: 'lab1', suspicious: false, released: false }] });
  });

  it('tells the server to believe its clock in the same way', async () => {
    await expectCode(0, lab.server('release', '--clock'));
    lab.write(lab.at('server-state/clock.json'), '{"format":1,"newest":"2099-01-01T00:00:00.000Z"}');
    const { stdout } = await expectCode(2, lab.server('release', '--clock'));
    expect(stdout).toContain('The clock of this server went back');
    const { stdout: json } = await expectCode(0, lab.server('release', '--clock', '--yes', '--json'));
    expect(JSON.parse(json)).toEqual({ hosts: [], clock: true });
    const believed = await expectCode(0, lab.server('release', '--clock'));
    expect(believed.stdout).toContain('The clock of this server is believed.');
  });

  it('has peace again', async () => {
    writeFileSync(lab.at('data/new.txt'), 'a letter to the police\n');
    await backup(0);
    expect(lastRecord()).toMatchObject({ status: 'success' });
    expect(lastRecord()).not.toHaveProperty('suspicion');
    expect(readdirSync(lab.at('server-state/baselines')).sort()).toEqual(['lab1.entries.gz', 'lab1.json']);
    const { runs } = JSON.parse(readFileSync(lab.at('server-state/baselines/lab1.json'), 'utf8'));
    expect(runs).toHaveLength(3);
  });
});
