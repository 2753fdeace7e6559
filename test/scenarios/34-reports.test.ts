// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemLab, expectCode, nextSecond, type SystemLab, until } from '../helpers/system-lab.ts';

let lab: SystemLab;

const runs = () => lab.at('server-state/runs');
const outbox = () => lab.at('server-state/outbox');
const waiting = () => (existsSync(outbox()) ? readdirSync(outbox()).filter((name) => name.endsWith('.json')) : []);

/** A mail program that refuses while a file `down` is there; while there is one called `hang` it waits, then refuses. */
const MAILER = (root: string) => `#!/bin/sh
if [ -e ${root}/hang ]; then
  touch ${root}/hanging; while [ -e ${root}/hang ]; do sleep 0.05; done; touch ${root}/gone; exit 75
fi
if [ -e ${root}/down ]; then cat > /dev/null; echo 'connection refused' >&2; exit 75; fi
exec cat > "${root}/mail/$(date +%s%N).eml"
`;

/** The server with this `reports` section, and the spool of its host at this place. */
function configure(reports: string, spool = lab.spool): void {
  lab.configure();
  const text = readFileSync(lab.serverConfig, 'utf8').replace(/^mail: .*$/m, `mail: { command: ${lab.at('mailer')} }`);
  lab.write(lab.serverConfig, `${text.replace(/(remote_tar_dir: ).*/, `$1${spool}`)}reports: ${reports}\n`);
}

/** Changes the newest record of the server, as if that had been its past. */
function changeNewest(change: (text: string) => string): void {
  const file = join(runs(), readdirSync(runs()).sort().at(-1) ?? '');
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

/** Runs of the same second have names in no order. */
async function backUp(code: number) {
  await nextSecond();
  return expectCode(code, lab.server('backup'));
}

beforeAll(async () => {
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0'] });
  lab.write(lab.at('mailer'), MAILER(lab.root), 0o700);
  mkdirSync(lab.at('data'));
  writeFileSync(lab.at('data/one.txt'), 'one\n');
  lab.addService('web/app', `service: {name: app}\nfiles: {paths: [${lab.at('data')}]}\n`);
  configure('{}');
  await lab.init();
  await expectCode(0, lab.client('backup'));
});

afterAll(() => lab.remove());

describe('a mail that cannot be sent', () => {
  it('waits on disk, readable for root alone, and the exit code tells that nobody has got the report', async () => {
    writeFileSync(lab.at('down'), '');
    const { stderr } = await backUp(1);
    expect(stderr).toMatch(/cannot deliver mail ".*SUCCESSFUL".*connection refused.*\n.*It waits on disk/s);
    expect(lab.records('server').at(-1)).toMatchObject({ status: 'success' });
    expect(waiting()).toHaveLength(1);
    expect(statSync(join(outbox(), waiting()[0] ?? '')).mode & 0o777).toBe(0o600);
    const { stdout } = await expectCode(1, lab.server('status'));
    expect(stdout).toMatch(/^WARNING: mails that could not be sent: 1; they wait in /);
  });

  it('is still there after a run that is killed while it is being sent', async () => {
    rmSync(lab.at('down'));
    writeFileSync(lab.at('hang'), '');
    await nextSecond();
    const { child, ended } = lab.startServer('backup');
    await until('the mail program', () => existsSync(lab.at('hanging')));
    child.kill('SIGKILL');
    await ended;
    expect(waiting()).toHaveLength(1);
    rmSync(lab.at('hang'));
    await until('the end of the mail program', () => existsSync(lab.at('gone')));
  });

  it('is sent with the next run, before the mails of that run, and says that it is late', async () => {
    await lab.takeMails();
    await backUp(0);
    expect(waiting()).toEqual([]);
    const raw = lab.mails()[0];
    expect(raw).toMatch(/^Content-Type: multipart\/alternative/m);
    const mails = await lab.takeMails();
    expect(mails.map(({ subject }) => subject.replace(/.* - /, ''))).toEqual([
      'Backup Run SUCCESSFUL',
      'Backup SKIPPED for host lab1 (Exact snapshot exists)',
      'Backup Run COMPLETED WITH SKIPS',
    ]);
    expect(mails[0]?.text).toMatch(
      /^This mail is late: on \d{4}-\d\d-\d\d .* UTC it could not be sent\.\n\nBackup Run SUCC/,
    );
    expect(mails[2]?.text).toMatch(/^ {2}lab1 {2}\.s+ .* ago {2,}never {2,}-$/m);
  });
});

describe('`mail: on_failure` and a failure that repeats', () => {
  it('nobody is bothered while all is well', async () => {
    configure('{ mail: on_failure }');
    await nextSecond();
    await expectCode(0, lab.client('backup'));
    await backUp(0);
    expect(await lab.takeMails()).toEqual([]);
  });

  it('`status` is a check plugin: 0 while all is well, 1 for a warning, 2 for a host that failed or is overdue', async () => {
    const { stdout } = await expectCode(0, lab.server('status'));
    expect(stdout).toMatch(/^OK: 1 host in order, the oldest backup is /);
    expect(stdout).not.toContain('\u001b');
    changeNewest((text) => text.replaceAll('"status": "success"', '"status": "warning"'));
    expect((await expectCode(1, lab.server('status'))).stdout).toMatch(
      /^WARNING: 1 of 1 host: lab1 its last backup had/,
    );
    changeNewest((text) => text.replaceAll('"status": "warning"', '"status": "success"'));
    await expectCode(0, lab.server('status', 'lab1'));
  });

  it('the host mail comes twice and is then folded; the summary tells each time, with the count', async () => {
    configure('{ mail: on_failure }', lab.at('nowhere'));
    for (const expected of ['FAILED for', '2 times in a row']) {
      await backUp(1);
      const subjects = (await lab.takeMails()).map(({ subject }) => subject);
      expect(subjects).toEqual([expect.stringContaining(expected), expect.stringContaining('ERRORS')]);
    }
    await backUp(1);
    const mails = await lab.takeMails();
    const [day, before] = lab
      .records('server')
      .reverse()
      .map(({ started }) => started.slice(0, 10));
    // On the stroke of midnight there is one more: the first of the new day.
    expect(mails).toHaveLength(day === before ? 1 : 2);
    expect(mails.at(-1)?.subject).toContain('ERRORS');
    expect(mails.at(-1)?.text).toContain('failed 3 times in a row with this message');
    const { stdout } = await expectCode(2, lab.server('status'));
    expect(stdout).toContain('CRITICAL: 1 of 1 host: lab1 its last backup failed\n');
  });
});

describe('`runs` tells what happened without reading logs', () => {
  it('lists the runs newest first', async () => {
    const { stdout } = await expectCode(0, lab.server('runs'));
    const lines = stdout.split('\n').filter((line) => /^\d{8}_/.test(line));
    expect(lines.map((line) => line.match(/ (success|skipped|failed|no end) /)?.[1])).toEqual([
      ...new Array(3).fill('failed'),
      'success',
      'skipped',
      'skipped',
      'success',
    ]);
    expect(lines[0]).toMatch(/0 ok, 1 FAILED +lab1$/);
    expect((await expectCode(0, lab.server('runs', '--count', '2'))).stdout.match(/^\d{8}_/gm)).toHaveLength(2);
    const listed = JSON.parse((await expectCode(0, lab.server('--json', 'runs', '--hours', '1'))).stdout);
    expect(listed).toHaveLength(7);
    expect(listed[0]).toMatchObject({ command: 'backup', status: 'failed', hosts: { failed: 1, success: 0 } });
  });

  it('shows one of them, by its place or its id', async () => {
    const fourth = await expectCode(0, lab.server('runs', 'show', '-3'));
    expect(fourth.stdout).toMatch(/^Run \S+: backup, success\n\nBackup Run SUCCESSFUL on /);
    const id = fourth.stdout.match(/^Run (\S+):/)?.[1] ?? '';
    expect((await expectCode(0, lab.server('runs', 'show', id))).stdout).toBe(fourth.stdout);
    const record = JSON.parse((await expectCode(0, lab.server('--json', 'runs', 'show', '-3'))).stdout);
    expect(record).toMatchObject({ id, format: 1, hosts: [{ host: 'lab1', snapshot: expect.any(String) }] });
    const several = await expectCode(0, lab.server('runs', 'show', '-5', '--count', '4', '--command', 'backup'));
    expect(several.stdout.match(/^Run \S+: backup/gm)).toHaveLength(2);
  });

  it('says how many there are when that is too far back, and what is no run', async () => {
    expect((await expectCode(2, lab.server('runs', 'show', '-99'))).stderr).toContain('Only 7 runs found');
    const drills = await expectCode(2, lab.server('runs', 'show', '--command', 'drill'));
    expect(drills.stderr).toContain('Only 0 runs found.');
    expect((await expectCode(2, lab.server('runs', 'show', '--bogus'))).stderr).toContain('"--bogus" is no run');
    expect((await expectCode(2, lab.server('runs', '--hours', 'x'))).stderr).toContain('must be a number of hours');
    expect((await expectCode(0, lab.server('runs', '--host', 'lab2'))).stdout).toContain('No runs found.');
  });
});

describe('records that cannot be read', () => {
  it('one that is damaged is told, and the others are shown', async () => {
    configure('{}');
    await backUp(0);
    changeNewest((text) => text.slice(0, 100));
    const { stdout } = await expectCode(0, lab.server('runs'));
    expect(stdout).toMatch(/^\d{8}_\d{6}-[0-9a-f]{8}: DAMAGED: Cannot read\s.*it\s+is\s+not\s+JSON/ms);
    expect(stdout.match(/ backup {3}/g)).toHaveLength(7);
    expect((await expectCode(2, lab.server('status'))).stdout).toMatch(
      /^WARNING: Cannot read\s.*it\s+is\s+not\s+JSON/ms,
    );
  });

  it('where nothing can be known, `status` says UNKNOWN and ends with 3', async () => {
    renameSync(runs(), lab.at('server-state/runs-away'));
    writeFileSync(runs(), '');
    expect((await expectCode(3, lab.server('status'))).stdout).toMatch(/^UNKNOWN: Cannot list the run records in /);
    lab.write(lab.serverConfig, 'hosts: nonsense\n');
    expect((await expectCode(3, lab.server('status'))).stdout).toMatch(/^UNKNOWN: /);
  });
});
