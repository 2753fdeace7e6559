// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemLab, expectCode, type SystemLab, until } from '../helpers/system-lab.ts';

let lab: SystemLab;

beforeAll(async () => {
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0'] });
  mkdirSync(lab.at('data'));
  writeFileSync(lab.at('data', 'one.txt'), 'one\n');
  lab.addService('web/good', `service: {name: good}\nfiles: {paths: [${lab.at('data')}]}\n`);
  await lab.init();
});

afterAll(() => lab.remove());

/** The only other service beside the good one. */
function haveService(name: string, ...lines: readonly string[]): void {
  for (const other of readdirSync(lab.at('services', 'web'))) {
    if (other !== 'good') rmSync(lab.at('services', 'web', other), { recursive: true });
  }
  lab.addService(`web/${name}`, [`service: {name: ${name}}`, ...lines, ''].join('\n'));
}

const clientHost = () => lab.records('client').at(-1)?.hosts[0];
const serviceOf = (name: string) => clientHost()?.services.find((service) => service.name === name);

/** What a run of the client says of a service that fails while the good one is published. */
async function expectFailure(name: string, message: RegExp): Promise<void> {
  const { stderr } = await expectCode(1, lab.client('backup'));
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(
    new RegExp(`ERROR: Failed: web/${name}\\. Published in spite of that: lab1-.*\\.tar\\.gz\\.\\n$`),
  );
  expect(serviceOf(name)).toMatchObject({ status: 'failed', messages: [expect.stringMatching(message)] });
  expect(serviceOf('good')).toMatchObject({ status: 'success' });
  const [mail, ...others] = await lab.takeMails();
  expect(others).toEqual([]);
  expect(mail?.subject).toBe('[Backup Error] lab1 - Backup FAILED (Code: 1)');
  expect(mail?.text).toContain(`Services that failed (1):\n  web/${name}\n`);
  expect(mail?.text).toMatch(message);
}

describe('a service that fails beside one that works', () => {
  it('the archive is published without it; exit code, mail and record say why; `after` has put the service back', async () => {
    const [before, after] = [lab.at('stopped'), lab.at('started')];
    haveService(
      'shop',
      'command:',
      `  before: touch ${before}`,
      `  run: echo half a dump; echo the database is away >&2; exit 7`,
      `  after: mv ${before} ${after}`,
      '  stdout: shop.sql',
    );
    await expectFailure('shop', /the database is away/);
    expect(serviceOf('shop')?.messages[0]).toMatch(/run: .*exit(?:ed|s)?.* 7|code 7/);
    expect(existsSync(after)).toBe(true);
    expect(lab.archives()).toHaveLength(1);
    expect(readdirSync(lab.at('client-state', 'undo'))).toEqual([]);
  });

  it('the server stores the rest, and says so: host failed, the service named in both mails', async () => {
    const { stdout } = await expectCode(1, lab.server('backup'));
    expect(stdout).toContain('lab1 (Failed)');
    expect(lab.records('server').at(-1)?.hosts[0]).toMatchObject({
      status: 'failed',
      snapshot: lab.snapshots()[0]?.id,
      services: [
        { name: 'good', status: 'success' },
        { name: 'shop', status: 'failed', messages: [expect.stringContaining('the database is away')] },
      ],
    });
    const [ofHost, summary, ...others] = await lab.takeMails();
    expect(others).toEqual([]);
    for (const mail of [ofHost, summary]) {
      expect(mail?.text).toContain('web/shop');
      expect(mail?.text).toContain('the database is away');
    }
    expect(ofHost?.text).toContain('A snapshot of everything else was made.');
    expect(lab.archives()).toEqual([]);
    await expectCode(0, lab.server('restore', 'lab1', '--to', lab.at('restored')));
    expect(readFileSync(join(lab.at('restored'), 'web/good/data', lab.at('data/one.txt')), 'utf8')).toBe('one\n');
    expect(existsSync(lab.at('restored/web/shop/command/shop.sql'))).toBe(false);
  });

  it('`before` fails: nothing is run, `after` is run all the same', async () => {
    haveService(
      'shop',
      'command:',
      `  before: echo cannot stop >&2; exit 3`,
      `  run: touch ${lab.at('was-run')}`,
      `  after: touch ${lab.at('after-before')}`,
    );
    await expectFailure('shop', /prepare: .*cannot stop/s);
    expect(existsSync(lab.at('was-run'))).toBe(false);
    expect(existsSync(lab.at('after-before'))).toBe(true);
  });

  it('`after` fails: the service counts as failed, and it is remembered that it has to be put back', async () => {
    haveService('shop', 'command:', '  run: date', '  stdout: date.txt', `  after: test -e ${lab.at('can-start')}`);
    await expectFailure('shop', /post: /);
    const again = await expectCode(1, lab.client('recover'));
    expect(again.stderr).toContain('Could not be put back:');
    expect(again.stderr).toContain('what command did to web/shop');
    writeFileSync(lab.at('can-start'), '');
    await expectCode(0, lab.client('recover'));
    expect((await expectCode(0, lab.client('recover'))).stdout).toBe('Nothing to undo.\n');
  });

  it('a command that prints nothing is no backup', async () => {
    haveService('shop', 'command: {run: "true", stdout: shop.sql}');
    await expectFailure('shop', /ended without error but printed nothing\. Set `allow_empty: true`/);
  });

  it('a command that takes too long is ended with everything that it has started', async () => {
    const pid = lab.at('child.pid');
    haveService('shop', 'command:', `  run: sleep 300 & echo $! > ${pid}; wait`, '  stdout: shop.sql', '  timeout: 1s');
    await expectFailure('shop', /1s|1 s|time limit/);
    const child = readFileSync(pid, 'utf8').trim();
    await until('the child of the command has ended', () => !existsSync(`/proc/${child}`));
  });

  it('a path that is missing is a warning: the rest is saved, the exit code is 0', async () => {
    haveService('shop', `files: {paths: [${lab.at('data')}, ${lab.at('gone')}]}`);
    const { stderr } = await expectCode(0, lab.client('backup'));
    expect(stderr).toContain(`${lab.at('gone')} does not exist: nothing was saved of it.`);
    expect(serviceOf('shop')).toMatchObject({ status: 'warning' });
    expect(await lab.takeMails()).toEqual([]);
    const { stdout } = await expectCode(0, lab.server('backup'));
    expect(stdout).toContain('Hosts with Warnings (1):\n  lab1\n');
    const [summary] = await lab.takeMails();
    expect(summary?.subject).toMatch(/Backup Run COMPLETED WITH WARNINGS$/);
    expect(summary?.text).toContain(lab.at('gone'));
  });

  it('no path exists at all: the service failed, without a stack trace', async () => {
    haveService('shop', `files: {paths: [${lab.at('gone')}]}`);
    await expectFailure('shop', /None of the paths exists: .*gone\. Correct `paths`\./);
    const [message = ''] = serviceOf('shop')?.messages ?? [];
    expect(message).not.toContain('internal error');
  });
});

describe('all services fail', () => {
  it('nothing is published: an empty archive would hide the last good one', async () => {
    const before = lab.archives();
    rmSync(lab.at('services/web/good'), { recursive: true });
    haveService('shop', 'command: {run: "false", stdout: shop.sql}');
    const { stderr } = await expectCode(1, lab.client('backup'));
    expect(stderr).toMatch(/ERROR: Failed: web\/shop\. No archive was published\.\n$/);
    expect(lab.archives()).toEqual(before);
    expect(readdirSync(lab.spool).filter((name) => name.startsWith('.'))).toEqual([]);
    const [mail] = await lab.takeMails();
    expect(mail?.text).toContain('Archive:    none: nothing new for the server to fetch');
  });

  it('the server stores what was published before, then finds nothing new and says so', async () => {
    await expectCode(1, lab.server('backup'));
    const snapshots = lab.snapshots().length;
    const { stdout } = await expectCode(0, lab.server('backup'));
    expect(stdout).toContain('lab1 (SKIPPED_OLDER)');
    expect(stdout.replace(/\s+/g, ' ')).toMatch(/none since lab1-\d{8}_\d{6}\.tar\.gz, which is stored already/);
    expect(lab.snapshots()).toHaveLength(snapshots);
  });
});
