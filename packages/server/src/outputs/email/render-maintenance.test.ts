// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord, StepRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { expect, test } from 'vitest';
import { renderMaintenance } from '../../report/render-maintenance.ts';
import { runStatus } from '../../report/report.ts';
import { TEXT_WIDTH } from '../../report/text.ts';
import type { EmailFacts } from './mail-text.ts';
import { maintenanceMails } from './render-maintenance.ts';

const started = '2026-11-22T05:00:00.000Z';
const GIB = 1024 ** 3;

const step = (name: string, status: Status, message?: string, code?: string): StepRecord => ({
  ...{ name, status, started, seconds: 1 },
  ...(message === undefined ? {} : { message }),
  ...(code === undefined ? {} : { code }),
});

const good: HostRecord = {
  ...{ host: 'web1', status: 'success', started, seconds: 312, services: [] },
  steps: [
    step('locks', 'success', 'removed the lock that process 4711 of this server had left on 2026-11-20 04:00:00 UTC'),
    ...[step('check', 'success'), step('forget', 'success'), step('prune', 'success')],
  ],
  upkeep: { snapshots: 1_041, forgotten: 7, dataRead: '3/12', bytes: 41 * GIB, bytesBefore: 42.5 * GIB },
};

const frozen: HostRecord = {
  ...{ host: 'app1', status: 'warning', started, seconds: 41, services: [] },
  steps: [
    step('check', 'success'),
    step(
      'forget',
      'warning',
      'Nothing is forgotten, though the policy lets 2 snapshots go:\n- The host is marked suspicious.\n- The last backup failed.',
    ),
  ],
  upkeep: { snapshots: 12, forgotten: 0, dataRead: 'all', bytes: 3 * GIB },
};

const left: HostRecord = {
  ...{ host: 'nas1', status: 'skipped', started, seconds: 0, services: [], skipped: 'SKIPPED_NO_TIME' },
  steps: [
    step('host', 'skipped', 'the run had taken 12 h (max_duration). The next one begins with it.', 'SKIPPED_NO_TIME'),
  ],
};

const damaged: HostRecord = {
  ...{ host: 'db1', status: 'failed', started, seconds: 9.2, services: [] },
  steps: [
    step(
      'check',
      'failed',
      'The repository of db1 is damaged. Found:\n  Failed Hosts (0):\n  pack 12ab: hash mismatch',
      'failed',
    ),
  ],
};

function runOf(hosts: HostRecord[], steps: StepRecord[] = []): RunRecord {
  const record: RunRecord = {
    ...{ format: 1, id: '20261122_050000-0123abcd', program: 'backup-server', command: 'maintenance' },
    ...{ version: '0.1.0', hostname: 'backup1.example.com', started, ended: '2026-11-22T05:12:05.000Z' },
    ...{ status: 'success', steps, hosts },
  };
  return { ...record, status: runStatus(record) };
}

const facts: EmailFacts = {
  ...{ prefix: '[Restic Maint]', adminEmail: 'storage@example.org', hostEmails: new Map() },
  ...{ log: 'journalctl -u restic-maintenance', recordDirectory: '/var/lib/backup-server/runs' },
  reports: { mail: 'always' } as EmailFacts['reports'],
  ...{ history: [], hosts: [], drillMaxAgeMs: 1 },
};

const clock = step('clock', 'warning', 'The clock of this server went back by 2 d.');

test('the mail about a maintenance: failures first, and what was done to each repository', async () => {
  const [mail, ...others] = maintenanceMails(runOf([good, frozen, left, damaged], [clock]), facts);
  expect(others).toEqual([]);
  const text = `To: ${mail?.to}\nSubject: ${mail?.subject}\n${mail?.important ? 'Important\n' : ''}\n${mail?.text}`;
  await expect(text).toMatchFileSnapshot('render.maintenance.expected');
  const lines = text.split('\n');
  expect(lines.filter((line) => line.length > TEXT_WIDTH)).toEqual([]);
  expect(lines.filter((line) => line.startsWith('Failed Hosts'))).toEqual(['Failed Hosts (1):']);
});

const ended = (code: string) => step('run', 'failed', 'The run was ended.', code);

test.each<[string, HostRecord[], StepRecord[]]>([
  ['SUCCESSFUL', [good], []],
  ['COMPLETED WITH SKIPS', [good, left], []],
  ['COMPLETED WITH WARNINGS', [good, left, frozen], []],
  ['COMPLETED WITH WARNINGS', [good], [clock]],
  ['FAILED (Code: 1)', [good, left, frozen, damaged], []],
  ['FAILED (Code: 1)', [], []],
  ['FAILED (Code: 130)', [good], [ended('interrupted')]],
  ['FAILED (Code: 143)', [{ ...damaged, steps: [ended('terminated')] }], [ended('interrupted')]],
])('the subject says %s', (outcome, hosts, steps) => {
  const [mail] = maintenanceMails(runOf(hosts, steps), facts);
  expect(mail?.subject).toBe(`[Restic Maint] backup1.example.com - Maintenance ${outcome}`);
  expect(mail?.important).toBe(outcome.startsWith('FAILED'));
});

test.each([
  [{ dataRead: '10%' }, 'stored data read back: 10%, no damage'],
  [{ dataRead: 'check_options' }, 'stored data read back: as `check_options` say, no damage'],
  [{ bytes: GIB, bytesBefore: GIB }, 'repository: 1 GiB, as large as at the maintenance before'],
  [{ bytes: GIB, bytesBefore: GIB / 2 }, 'repository: 1 GiB, 512 MiB more than at the maintenance before'],
])('%j is told as: %s', (upkeep, line) => {
  const lines = renderMaintenance(runOf([{ ...good, upkeep: { snapshots: 3, forgotten: 0, ...upkeep } }]));
  expect(lines).toContain(`      ${line}`);
});
