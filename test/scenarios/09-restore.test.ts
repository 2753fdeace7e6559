// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSystemLab, expectCode, nextSecond, type SystemLab } from '../helpers/system-lab.ts';

let lab: SystemLab;

const dataIn = (directory: string) => join(directory, 'web/app/data', lab.at('data'));

beforeAll(async () => {
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0'] });
  mkdirSync(lab.at('data'));
  writeFileSync(lab.at('data/one.txt'), 'one\n');
  lab.addService('web/app', `service: {name: app}\nfiles: {paths: [${lab.at('data')}]}\n`);
});

afterEach(() => lab.configure());

afterAll(() => lab.remove());

/** Changes the records of the server as if its clock had run ahead since. */
function ageRecords(hours: number): void {
  for (const name of readdirSync(lab.at('server-state/runs'))) {
    const file = lab.at('server-state/runs', name);
    const older = (text: string) => new Date(Date.parse(text) - hours * 3_600_000).toISOString();
    writeFileSync(file, readFileSync(file, 'utf8').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, older));
  }
}

describe('before the first backup', () => {
  it('`status` says that nothing has ever been saved, and is not green', async () => {
    const { stdout } = await expectCode(2, lab.server('status'));
    expect(stdout).toMatch(/^CRITICAL: 1 of 1 host: lab1 never backed up\n/);
    expect(stdout).toMatch(/^CRITICAL {2}lab1 {2}never /m);
    expect(stdout).toContain('No run has been recorded yet. Start one: backup-server backup');
  });

  it('`check` finds what `init` has not yet done, each thing with its next step', async () => {
    const { stdout } = await expectCode(1, lab.server('check'));
    expect(stdout).toMatch(/^FAILED {2}lab1: repository: There is no restic repository/m);
    expect(stdout).toMatch(/^FAILED {2}lab1: login and spool: /m);
    expect(stdout.match(/backup-server init lab1/g)?.length).toBeGreaterThan(1);
    expect(stdout).toMatch(/2 failed, \d with warnings\.$/m);
    expect(existsSync(lab.repository)).toBe(false);
  });

  it('there is nothing to restore or to list yet, which is said', async () => {
    await lab.init();
    const restore = await expectCode(1, lab.server('restore', 'lab1', '--to', lab.at('none')));
    expect(restore.stderr).toContain('There is no snapshot of lab1 yet. Make one: backup-server backup lab1');
    const { stdout } = await expectCode(0, lab.server('snapshots'));
    expect(stdout).toBe('lab1: no snapshots yet. Make one: backup-server backup lab1\n');
    const list = await expectCode(0, lab.client('list'));
    expect(list.stdout).toBe(`No archives in ${lab.spool}. Make one: backup-client backup\n`);
  });
});

describe('after it', () => {
  it('the client lists and verifies what waits, and finds one flipped bit', async () => {
    await expectCode(0, lab.client('backup'));
    const [archive = ''] = lab.archives();
    const list = await expectCode(0, lab.client('list'));
    // With service.yaml, and the list of what the `files` plugin has saved.
    expect(list.stdout).toMatch(new RegExp(`^${archive} .* 3 files +waiting +success$`, 'm'));
    const { stdout } = await expectCode(0, lab.client('verify', archive));
    expect(stdout).toMatch(/ is whole: \d+ files, .*; every one as it was read\.\n$/);
    const bytes = readFileSync(join(lab.spool, archive));
    const middle = Math.floor(bytes.length / 2);
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8((damaged.at(middle) ?? 0) ^ 4, middle);
    writeFileSync(join(lab.spool, archive), damaged);
    const { stderr } = await expectCode(1, lab.client('verify', archive));
    expect(stderr).toContain(archive);
    expect(stderr).not.toContain('internal error');
    writeFileSync(join(lab.spool, archive), bytes.subarray(0, -20));
    await expectCode(1, lab.client('verify', archive));
    writeFileSync(join(lab.spool, archive), bytes);
    await expectCode(2, lab.client('verify', 'notes.txt'));
    const absent = await expectCode(1, lab.client('verify', 'lab1-20200101_000000.tar.gz'));
    expect(absent.stderr).toContain(`There is no lab1-20200101_000000.tar.gz in ${lab.spool} or ${lab.spool}/done.`);
  });

  it('all is in order: `check`, `status` and `snapshots` say so', async () => {
    await expectCode(0, lab.server('backup'));
    const check = await expectCode(0, lab.server('check'));
    // How many warnings there are depends on the machine: whether systemd starts the runs, for example.
    expect(check.stdout).toMatch(/^\d+ checks: 0 failed, \d with warnings\.$/m);
    for (const what of ['lab1: repository: ', 'lab1: login and spool: '])
      expect(check.stdout).toMatch(new RegExp(`^ok {6}${what}`, 'm'));
    const { stdout } = await expectCode(0, lab.server('status'));
    expect(stdout).toMatch(/^OK: 1 host in order, /);
    expect(stdout).toMatch(/^ok {2,}lab1 .* success /m);
    const [snapshot] = lab.snapshots();
    const snapshots = await expectCode(0, lab.server('snapshots', 'lab1'));
    expect(snapshots.stdout).toContain('lab1: 1 snapshots\n');
    expect(snapshots.stdout).toContain(`${snapshot?.id.slice(0, 8)}  `);
    expect(snapshot).toMatchObject({ hostname: 'lab1', tags: ['lab1', expect.stringMatching(/^\d{8}_\d{6}$/)] });
  });

  it('a restore gives the data back, with the list that proves it, readable for root only', async () => {
    const target = lab.at('restored');
    const { stdout } = await expectCode(0, lab.server('restore', 'lab1', '--to', target));
    expect(stdout).toContain(`Restored into ${target}`);
    expect(stdout).toContain('(the newest)');
    expect(readFileSync(join(dataIn(target), 'one.txt'), 'utf8')).toBe('one\n');
    const list = gunzipSync(readFileSync(join(target, '.backup/entries.gz'))).toString('utf8');
    expect(list).toContain(`web/app/data${lab.at('data')}/one.txt`);
    expect(list).toContain('2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806');
  });

  it('nothing is restored over anything: a directory that is not empty is refused and left alone', async () => {
    mkdirSync(lab.at('precious'));
    writeFileSync(lab.at('precious/file'), 'mine\n');
    const { stderr } = await expectCode(2, lab.server('restore', 'lab1', '--to', lab.at('precious')));
    expect(stderr).toContain(
      `Cannot restore into ${lab.at('precious')}: it is not empty. Give an empty directory, or --overwrite`,
    );
    expect(readdirSync(lab.at('precious'))).toEqual(['file']);
    expect(readFileSync(lab.at('precious/file'), 'utf8')).toBe('mine\n');
  });

  it('an unknown host or snapshot is refused with what there is; no directory is left behind', async () => {
    const host = await expectCode(2, lab.server('restore', 'lab2', '--to', lab.at('wrong')));
    expect(host.stderr).toContain('Configured hosts: lab1');
    const snapshot = await expectCode(
      2,
      lab.server('restore', 'lab1', '--snapshot', 'ffffffff', '--to', lab.at('wrong')),
    );
    expect(snapshot.stderr).toContain('No snapshot of lab1 has the id "ffffffff".');
    expect(snapshot.stderr).toContain('backup-server snapshots lab1');
    await expectCode(2, lab.server('restore', 'lab1', '--snapshot', 'f', '--to', lab.at('wrong')));
    await expectCode(2, lab.server('restore', 'lab1'));
    await expectCode(2, lab.server('snapshots', 'lab2'));
    expect(existsSync(lab.at('wrong'))).toBe(false);
  });

  it('a host whose last backup is too old is not green, though its last run was a success', async () => {
    ageRecords(30);
    const { stdout } = await expectCode(2, lab.server('status'));
    expect(stdout).toMatch(/^CRITICAL: 1 of 1 host: lab1 last good backup 30 h old$/m);
    expect(stdout).toMatch(/^CRITICAL {2}lab1 .* 30 h .* success /m);
    await nextSecond();
    await expectCode(0, lab.client('backup'));
    await expectCode(0, lab.server('backup'));
    await expectCode(0, lab.server('status'));
  });

  it('a repository that cannot be opened: `check` names it among what works, `snapshots` and `restore` fail', async () => {
    lab.write(lab.at('password'), 'wrong\n');
    const { stdout } = await expectCode(1, lab.server('check'));
    expect(stdout).toMatch(/^FAILED {2}lab1: repository: .*password/m);
    expect(stdout).toMatch(/^ok {6}lab1: login and spool: /m);
    expect(stdout).toMatch(/^\d+ checks: 1 failed/m);
    await expectCode(1, lab.server('snapshots'));
    const restore = await expectCode(1, lab.server('restore', 'lab1', '--to', lab.at('wrong')));
    expect(restore.stderr).toMatch(/password/);
    expect(existsSync(lab.at('wrong'))).toBe(false);
    lab.write(lab.at('password'), 'correct horse battery staple\n');
  });

  it('a damaged repository does not restore quietly: the restore fails', async () => {
    for (const shard of readdirSync(join(lab.repository, 'data'))) {
      for (const pack of readdirSync(join(lab.repository, 'data', shard))) {
        const file = join(lab.repository, 'data', shard, pack);
        const bytes = readFileSync(file);
        rmSync(file);
        writeFileSync(file, bytes.fill(0, 0, Math.min(200, bytes.length - 100)));
      }
    }
    rmSync(lab.at('server-state/restic-cache'), { recursive: true });
    const { stderr, stdout } = await expectCode(1, lab.server('restore', 'lab1', '--to', lab.at('damaged')));
    expect(stdout).not.toContain('Restored into');
    expect(stderr).toMatch(/^ERROR: restic restore failed/m);
    expect(stderr).toContain(`What is in ${lab.at('damaged')} is not complete.`);
  });
});
