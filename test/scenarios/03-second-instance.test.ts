// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemLab, expectCode, nextSecond, type Running, type SystemLab, until } from '../helpers/system-lab.ts';

let lab: SystemLab;

/** The service's command waits for the file `go`, so that a run can be looked at. */
const begun = () => existsSync(lab.at('begun'));
const letGo = () => writeFileSync(lab.at('go'), '');

beforeAll(async () => {
  lab = await createSystemLab({ global: ['lock_retries: 200', 'lock_retry_delay: 200ms'] });
  const wait = `touch ${lab.at('begun')}; while ! test -e ${lab.at('go')}; do sleep 0.1; done; date`;
  lab.addService('web/app', `service: {name: app}\ncommand: {run: '${wait}', stdout: date.txt}\n`);
  await lab.init();
});

afterAll(async () => {
  letGo();
  await lab.remove();
});

/** A client that is in the middle of its run. */
async function clientAtWork(): Promise<Running> {
  await nextSecond();
  for (const name of ['begun', 'go']) rmSync(lab.at(name), { force: true });
  const running = lab.startClient('backup');
  await until('the service is being saved', begun);
  return running;
}

/** A server that waits for the client's lock. */
async function serverAtWork(): Promise<Running> {
  mkdirSync(lockDirectory());
  const running = lab.startServer('-v', 'backup');
  let output = '';
  running.child.stdout?.on('data', (text: string) => {
    output += text;
  });
  await until('the server looks at the lock', () => output.includes('client lock'));
  return running;
}

const lockDirectory = () => join(lab.spool, '.backup_archive_in_progress.lock');

async function expectRefused(program: 'client' | 'server', first: Running): Promise<void> {
  const records = lab.records(program).length;
  const { stdout, stderr } = await expectCode(3, lab[program]('backup'));
  expect(stderr).toBe(
    `ERROR: [backup-${program}] Another instance is already running (PID ${first.child.pid}). Exiting.\n`,
  );
  expect(stdout).toBe('');
  expect(lab.records(program)).toHaveLength(records);
  expect(await lab.takeMails()).toEqual([]);
}

describe('a second instance', () => {
  it('of the client ends with 3 and says who is at work; the first one ends as if nothing had been', async () => {
    const first = await clientAtWork();
    await expectRefused('client', first);
    await expectCode(3, lab.client('recover'));
    await expectCode(3, lab.client('backup', '--dry-run'));
    await expectCode(0, lab.client('check'));
    letGo();
    await expectCode(0, first.ended);
    expect(lab.archives()).toHaveLength(1);
    expect(existsSync(lockDirectory())).toBe(false);
  });

  it('of the client starts after the first one was killed: its lock is not in the way, what it left is swept', async () => {
    const first = await clientAtWork();
    first.child.kill('SIGKILL');
    await first.ended;
    expect(existsSync(lockDirectory())).toBe(true);
    letGo();
    await nextSecond();
    const { stderr } = await expectCode(0, lab.client('backup'));
    expect(stderr).toContain(`Undone what an earlier run had left: the spool lock ${lockDirectory()}.`);
    expect(stderr).toMatch(/Removed .*\.partial, left by a run that was killed\./);
    const [killed, next] = lab.records('client').slice(-2);
    expect(killed?.status).toBe('running');
    expect(next?.hosts[0]?.steps[0]).toMatchObject({ name: 'recover', status: 'warning' });
    expect(readdirSync(lab.spool).filter((name) => name.startsWith('.') || name.startsWith('backup.'))).toEqual([]);
    expect(lab.archives()).toHaveLength(2);
  });

  it('of the server ends with 3; looking at the state is possible meanwhile, the first one is not disturbed', async () => {
    const first = await serverAtWork();
    await expectRefused('server', first);
    await expectCode(3, lab.server('backup', '--dry-run'));
    const { stdout } = await expectCode(2, lab.server('status'));
    expect(stdout).toContain('under way, or killed before it ended');
    await expectCode(0, lab.server('snapshots'));
    rmdirSync(lockDirectory());
    await expectCode(0, first.ended);
    expect(lab.snapshots()).toHaveLength(1);
    expect((await lab.takeMails()).map((mail) => mail.subject)).toEqual([
      expect.stringMatching(/Backup Run SUCCESSFUL$/),
    ]);
  });

  it('of the server starts after the first one was killed, and backs up the host', async () => {
    letGo();
    await expectCode(0, lab.client('backup'));
    const first = await serverAtWork();
    first.child.kill('SIGKILL');
    await first.ended;
    rmdirSync(lockDirectory());
    await expectCode(0, lab.server('backup'));
    expect(lab.records('server').map((record) => record.status)).toEqual(['success', 'running', 'success']);
    expect(lab.snapshots()).toHaveLength(2);
  });
});
