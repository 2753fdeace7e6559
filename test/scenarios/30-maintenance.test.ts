// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addData, killWhole, makeNewArchive, newestHost, newestRun, noise } from '../helpers/faults.ts';
import { createMaintenanceLab, type MaintenanceLab, untilSays } from '../helpers/maintenance-lab.ts';
import { expectCode } from '../helpers/system-lab.ts';

let lab: MaintenanceLab;

async function takeMail() {
  const [mail, ...others] = await lab.takeMails();
  if (mail === undefined || others.length > 0)
    throw new Error(`not one mail but ${others.length + Number(mail !== undefined)}`);
  return mail;
}

const FAILED = { subject: '[Restic Maint] backup1 - Maintenance FAILED (Code: 1)', to: 'storage@example.org' };

/** As if the newest time that a run has seen was this. */
const believe = (newest: string) =>
  writeFileSync(lab.at('server-state/clock.json'), JSON.stringify({ format: 1, newest }));

async function storeAnother(text: string): Promise<void> {
  addData(lab, { 'note.txt': text });
  await makeNewArchive(lab);
}

/** The one with the noise: a missing pack with directories makes restic try again and again before it gives up. */
function largestPack(): string {
  const names = readdirSync(join(lab.repository, 'data'), { recursive: true, encoding: 'utf8' });
  const packs = names.filter((name) => /[0-9a-f]{64}$/.test(name));
  const size = (name: string) => statSync(join(lab.repository, 'data', name)).size;
  return packs.sort((a, b) => size(b) - size(a))[0] ?? '';
}

beforeAll(async () => {
  lab = await createMaintenanceLab();
  await lab.init();
  lab.addPast(6, 5, 4, 3, 2);
  addData(lab, { 'noise.bin': noise(100_000, 'maintenance') });
  await storeAnother('a note\n');
  await expectCode(0, lab.server('backup'));
  await lab.takeMails();
});

afterAll(async () => {
  for (const name of readdirSync(lab.root)) if (name.startsWith('restic-hold')) rmSync(lab.at(name));
  await lab.remove();
});

describe('before anything is forgotten', () => {
  it('a dry run of `forget` tells of each snapshot, oldest first, what becomes of it and why', async () => {
    const ids = lab.ids();
    const { stdout } = await expectCode(0, lab.server('forget', 'lab1', '--dry-run'));
    const lines = stdout.trim().split('\n');
    const words = lines.slice(0, 6).map((line) => line.split(/ {2,}/));
    expect(words.map(([id]) => id)).toEqual(ids);
    expect(words.map(([, , action]) => action)).toEqual(['forget', 'forget', 'forget', 'keep', 'keep', 'keep']);
    expect(words[3]?.[3]).toBe('last snapshot');
    expect(lines.slice(6)).toEqual(['lab1: 6 snapshots, 3 to keep, 3 to forget.']);
  });

  it('a dry run of `maintenance` checks, names what would go, and leaves nothing behind', async () => {
    const before = { ids: lab.ids(), records: lab.records('server').length };
    const { stdout } = await expectCode(0, lab.server('maintenance', '--dry-run'));
    expect(stdout).toContain('Dry run: repositories were checked; nothing was forgotten');
    expect(stdout).toMatch(/would forget 3 of 6 snapshots/);
    expect({ ids: lab.ids(), records: lab.records('server').length }).toEqual(before);
    expect(existsSync(lab.at('server-state/upkeep'))).toBe(false);
    expect(await lab.takeMails()).toEqual([]);
  });

  it('a snapshot can be pinned by the beginning of its id, and pins are listed', async () => {
    const [oldest = ''] = lab.ids();
    await expectCode(2, lab.server('pin', oldest));
    const wrong = await expectCode(2, lab.server('pin', 'ffffffff', '--reason', 'x'));
    expect(wrong.stderr).toContain('No snapshot of lab1 has the id "ffffffff"');
    const { stdout } = await expectCode(0, lab.server('pin', oldest, '--reason', 'before the move'));
    expect(stdout).toMatch(new RegExp(`^Pinned ${oldest} of lab1, taken .*: it is never forgotten\\.$`, 'm'));
    expect((await lab.server('pins')).stdout).toMatch(
      new RegExp(`lab1 {2}${oldest} {2}.* UTC {2}before the move$`, 'm'),
    );
  });

  it('a pin holds where restic gives the snapshot another id; pinned again it is one pin', async () => {
    lab.restic(['tag', '--add', 'audit', lab.ids()[0] ?? '']);
    const shown = await expectCode(0, lab.server('--json', 'forget', 'lab1', '--dry-run'));
    expect(JSON.parse(shown.stdout).snapshots[0]).toMatchObject({ action: 'keep', reasons: ['pinned'] });
    await expectCode(0, lab.server('pin', lab.ids()[0] ?? '', '--reason', 'before the move'));
    expect(JSON.parse((await lab.server('--json', 'pins')).stdout)).toHaveLength(1);
  });
});

describe('a damaged repository', () => {
  it('freezes forget and prune, and mail and exit code say so', async () => {
    const before = lab.ids();
    const pack = largestPack();
    renameSync(join(lab.repository, 'data', pack), lab.at('pack'));
    const { stdout } = await expectCode(1, lab.server('maintenance'));
    expect(stdout).toMatch(
      /Failed Hosts \(1\):\n {2}lab1 \(Failed\)\n {6}FAILED check: The repository of lab1 is damaged\./,
    );
    const mail = await takeMail();
    expect(mail).toMatchObject(FAILED);
    expect(mail.text).toContain(pack.slice(-64, -56));
    expect(lab.ids()).toEqual(before);
    const refused = await expectCode(0, lab.server('forget', 'lab1', '--dry-run'));
    expect(refused.stdout).toMatch(/Nothing may be forgotten now: The repository was found damaged on /);
    renameSync(lab.at('pack'), join(lab.repository, 'data', pack));
  });

  it('once whole again: what the policy lets go is gone, the pinned one stays, the mail tells it', async () => {
    const before = lab.ids();
    await expectCode(0, lab.server('maintenance'));
    expect(lab.ids()).toEqual([before[0], ...before.slice(3)]);
    const mail = await takeMail();
    expect(mail.subject).toBe('[Restic Maint] backup1 - Maintenance SUCCESSFUL');
    expect(mail.text).toMatch(
      /Successful Hosts \(1\):\n {2}lab1\n {6}snapshots: 6 before, 2 forgotten, 4 left\n {6}stored data read back: part 1\/12, no damage\n {6}repository: [\d.]+ KiB/,
    );
    const done = newestHost(lab).steps.map(({ name }) => name);
    expect(done).toEqual(expect.arrayContaining(['check', 'forget', 'prune', 'check after prune']));
    lab.restic(['check', '--read-data']);
  });
});

describe('the clock of the server', () => {
  it('that went back freezes forget, though backups go on and say so', async () => {
    lab.addPast(1);
    const before = lab.ids();
    believe(lab.daysAgo(-1));
    await expectCode(0, lab.server('backup'));
    expect(newestRun(lab)).toMatchObject({ status: 'warning', steps: [{ name: 'clock', status: 'warning' }] });
    await lab.takeMails();
    await expectCode(0, lab.server('maintenance'));
    const mail = await takeMail();
    expect(mail.subject).toMatch(/ - Maintenance COMPLETED WITH WARNINGS$/);
    expect(mail.text).toMatch(
      /Hosts with Warnings \(1\):\s+lab1\s+warning forget: Nothing is forgotten, .*\bwent\s+back\b/s,
    );
    expect(lab.ids()).toEqual(before);
  });

  it('that went forward does too, until somebody has accepted it', async () => {
    const before = lab.ids();
    believe(lab.daysAgo(60));
    const asked = await expectCode(1, lab.server('forget', 'lab1'));
    expect(asked.stdout).toMatch(/FAILED forget: Nothing is forgotten, .*\bwent\s+forward\b/s);
    await expectCode(0, lab.server('release', '--clock', '--yes'));
    await expectCode(0, lab.server('forget', 'lab1'));
    expect(lab.ids()).toHaveLength(before.length - 1);
    expect(await lab.takeMails()).toEqual([]);
  });
});

describe('two at a time', () => {
  it('a second maintenance ends with 3; a backup of the host waits for its turn', async () => {
    await storeAnother('another note\n');
    const first = await lab.startHeld('before-check', () => lab.startServer('maintenance'));
    const second = await expectCode(3, lab.server('maintenance'));
    expect(second.stderr).toBe(
      `ERROR: [backup-server-maintenance] Another instance is already running (PID ${first.child.pid}). Exiting.\n`,
    );
    const backup = lab.startServer('-v', 'backup');
    await untilSays(backup, `waiting for another backup-server that is at work with the same (PID ${first.child.pid})`);
    lab.letGo('before-check');
    await expectCode(0, first.ended);
    await expectCode(0, backup.ended);
    expect(newestHost(lab).snapshot).toBeDefined();
  });

  it('a host that is being stored has its turn when that is done', async () => {
    await storeAnother('one more note\n');
    const backup = await lab.startHeld('before-backup', () => lab.startServer('backup'));
    const maintenance = lab.startServer('-v', 'maintenance');
    await untilSays(maintenance, 'SKIPPED_BUSY');
    lab.letGo('before-backup');
    await expectCode(0, backup.ended);
    const { stdout } = await expectCode(0, maintenance.ended);
    expect(stdout).toMatch(/Successful Hosts \(1\):\n {2}lab1\n/);
    await lab.takeMails();
  });
});

describe('a maintenance that does not get to its end', () => {
  it('killed after it has forgotten: the next one frees the space', async () => {
    lab.addPast(1);
    const first = await lab.startHeld('after-forget', () => lab.startServer('maintenance'));
    killWhole(first);
    await first.ended;
    lab.letGo('after-forget');
    expect(lab.upkeepState()).toMatchObject({ pruneDue: true });
    await expectCode(0, lab.server('maintenance'));
    expect(lab.upkeepState()).toMatchObject({ pruneDue: false });
    expect(newestHost(lab)).toMatchObject({ status: 'success', upkeep: { forgotten: 0 } });
    expect(newestHost(lab).steps.map(({ name }) => name)).toContain('prune');
    await lab.takeMails();
  });

  it('nor to its beginning: the admin of the repositories is told by mail', async () => {
    renameSync(lab.at('server-state/runs'), lab.at('runs'));
    writeFileSync(lab.at('server-state/runs'), 'not a directory');
    await expectCode(1, lab.server('maintenance'));
    const mail = await takeMail();
    expect(mail).toMatchObject(FAILED);
    expect(mail.text).toContain('it ended without a summary');
    rmSync(lab.at('server-state/runs'));
    renameSync(lab.at('runs'), lab.at('server-state/runs'));
  });

  it('because the configuration is wrong: it ends with 2', async () => {
    const config = readFileSync(lab.serverConfig, 'utf8');
    lab.write(lab.serverConfig, config.replace('--keep-last 3', '--keep-last -1'));
    const { stderr } = await expectCode(2, lab.server('maintenance'));
    expect(stderr).toContain('forget_policy');
  });
});
