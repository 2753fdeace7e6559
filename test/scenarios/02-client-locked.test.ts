// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, rmdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSystemLab, expectCode, type SystemLab, until } from '../helpers/system-lab.ts';

let lab: SystemLab;
let lock: string;

const touched = () => existsSync(lab.at('touched'));
const serverHost = () => lab.records('server').at(-1)?.hosts[0];

beforeAll(async () => {
  lab = await createSystemLab({
    client: ['lock_retries: 2', 'lock_retry_delay: 200ms'],
    global: ['lock_retries: 2', 'lock_retry_delay: 200ms'],
  });
  lock = join(lab.spool, '.backup_archive_in_progress.lock');
  lab.addService(
    'web/app',
    `service: {name: app}\ncommand: {before: touch ${lab.at('touched')}, run: date, stdout: date.txt}\n`,
  );
  await lab.init();
});

afterEach(() => {
  if (existsSync(lock)) rmdirSync(lock);
});

afterAll(() => lab.remove());

describe('somebody else holds the lock of the spool', () => {
  it('the client tries again, then fails with a mail of its own; no service was touched, the lock stays', async () => {
    mkdirSync(lock);
    const { stderr } = await expectCode(1, lab.client('backup'));
    expect(stderr.match(/The spool is locked/g)).toHaveLength(2);
    expect(stderr).toContain(`The spool lock ${lock} is held by someone else after 3 attempts.`);
    expect(stderr).toContain(`rmdir ${lock}`);
    expect(touched()).toBe(false);
    expect(existsSync(lock)).toBe(true);
    expect(lab.archives()).toEqual([]);
    const [mail, ...others] = await lab.takeMails();
    expect(others).toEqual([]);
    expect(mail).toMatchObject({
      subject: '[Backup Error] lab1 - SHARED LOCK FAILED (TAR Creation)',
      to: 'admin@example.org',
      text: expect.stringContaining('held by someone else after 3 attempts'),
    });
    expect(lab.records('client').at(-1)).toMatchObject({
      status: 'failed',
      steps: [{ status: 'failed', message: expect.stringContaining(lock) }],
    });
  });

  it('a lock that a crash left more than ten minutes ago is taken over, which is said', async () => {
    mkdirSync(lock);
    const then = new Date(Date.now() - 11 * 60_000);
    utimesSync(lock, then, then);
    const { stderr } = await expectCode(0, lab.client('backup'));
    expect(stderr).toContain(`Taking over the spool lock ${lock}: unchanged for 11 minutes, left by a crash.`);
    expect(existsSync(lock)).toBe(false);
    expect(lab.archives()).toHaveLength(1);
    expect(await lab.takeMails()).toEqual([]);
  });

  it('a host that has no snapshot yet is not merely skipped: it failed, and the mail says what to look at', async () => {
    mkdirSync(lock);
    lab.configure({ global: ['lock_retries: 0', 'retry_failed_hosts: 0'] });
    const { stdout } = await expectCode(1, lab.server('backup'));
    expect(stdout).toContain('lab1 (Failed)');
    expect(serverHost()).toMatchObject({ status: 'failed', skipped: 'SKIPPED_CLIENT_LOCK' });
    const [ofHost, summary] = await lab.takeMails();
    expect(ofHost?.subject).toMatch(/Backup FAILED for host lab1 \(Code: 1\)$/);
    expect(ofHost?.text).toContain('lab1 was skipped and has no snapshot at all');
    expect(summary?.subject).toMatch(/ - Backup Run COMPLETED WITH ERRORS$/);
    expect(existsSync(lock)).toBe(true);
  });

  it('the server looks three times, then skips the host with a mail; that is no failure, nothing was fetched', async () => {
    lab.configure();
    await expectCode(0, lab.server('backup'));
    await lab.takeMails();
    await expectCode(0, lab.client('backup'));
    mkdirSync(lock);
    const waiting = lab.archives();
    const { stdout, stderr } = await expectCode(0, lab.server('backup'));
    expect(stdout).toContain('lab1 (SKIPPED_CLIENT_LOCK)');
    expect(stderr).toContain('held each of the 3 times we looked');
    expect(serverHost()).toMatchObject({ status: 'skipped', skipped: 'SKIPPED_CLIENT_LOCK' });
    expect(existsSync(lock)).toBe(true);
    expect(lab.archives()).toEqual(waiting);
    expect(lab.snapshots()).toHaveLength(1);
    const [ofHost, summary, ...others] = await lab.takeMails();
    expect(others).toEqual([]);
    expect(ofHost?.subject).toMatch(/^\[Backup Server\] .+ - Backup SKIPPED for host lab1 \(Client TAR Lock\)$/);
    expect(summary?.subject).toMatch(/ - Backup Run COMPLETED WITH SKIPS$/);
    expect(summary?.text).toContain('Skipped Hosts (1):\n  lab1 (SKIPPED_CLIENT_LOCK)');
  });

  it('the lock goes away while the server waits: the archive is fetched', async () => {
    lab.configure({ global: ['lock_retries: 100', 'lock_retry_delay: 200ms'] });
    mkdirSync(lock);
    const running = lab.startServer('-v', 'backup');
    let output = '';
    running.child.stdout?.on('data', (text: string) => {
      output += text;
    });
    await until('the server looks at the lock', () => output.includes('client lock'));
    rmdirSync(lock);
    await expectCode(0, running.ended);
    expect(serverHost()).toMatchObject({ status: 'success', snapshot: expect.any(String) });
    expect(lab.snapshots()).toHaveLength(2);
    expect(lab.archives()).toEqual([]);
  });
});
