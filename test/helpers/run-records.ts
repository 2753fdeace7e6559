// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord, StepRecord } from '../../packages/common/src/run-record.ts';
import type { Status } from '../../packages/common/src/status.ts';
import { createEmailOutput } from '../../packages/server/src/outputs/email/index.ts';
import type { EmailFacts, Mail } from '../../packages/server/src/outputs/email/mail-text.ts';
import { runStatus } from '../../packages/server/src/report/report.ts';

/** Records of runs, and the mails about them, for tests of what people read. */

export const started = '2026-11-21T04:00:00.000Z';

export const step = (name: string, status: Status, rest: Partial<StepRecord> = {}): StepRecord => ({
  name,
  status,
  started,
  seconds: 1,
  ...rest,
});

export const good: HostRecord = {
  host: 'web1',
  status: 'success',
  started,
  seconds: 72.4,
  steps: [step('fetch', 'success'), step('save', 'success')],
  archive: 'web1-20261121_030000.tar.gz',
  archiveCreated: '2026-11-21T03:00:00.000Z',
  archiveBytes: 1_288_490_188,
  snapshot: 'ab12cd34ef567890',
  filesNew: 12,
  filesChanged: 3,
  filesUnmodified: 18_211,
  bytesProcessed: 2_040_109_465,
  bytesAdded: 35_756_441,
  services: [{ name: 'shop', type: 'mysql', status: 'success', messages: [] }],
};

export const retried: HostRecord = {
  ...good,
  host: 'web2',
  archive: 'web2-20261121_040500.tar.gz',
  archiveCreated: '2026-11-21T04:05:00.000Z',
  steps: [
    step('retry', 'success', { message: 'an earlier attempt failed: The link to web2 was lost.' }),
    ...good.steps,
  ],
};

export const duplicate: HostRecord = {
  host: 'mail1',
  status: 'skipped',
  started,
  seconds: 0.8,
  steps: [
    step('decision', 'skipped', {
      code: 'SKIPPED_DUPLICATE',
      message: 'mail1-20261120_030000.tar.gz is stored already, as snapshot 99aa88bb of 2026-11-20T04:01:00.000Z',
    }),
  ],
  skipped: 'SKIPPED_DUPLICATE',
  services: [],
};

export const unreachable: HostRecord = {
  host: 'db1',
  status: 'failed',
  started,
  seconds: 30.1,
  steps: [
    step('repository', 'success'),
    step('connect', 'failed', {
      code: 'untrusted',
      message:
        'The host key of db1:22 (ssh-ed25519 SHA256:AAAA) is not the one in /etc/backup/known_hosts. Either the machine was set up anew or somebody is in between: compare the fingerprint on its console, then: backup-server init db1',
    }),
  ],
  services: [],
};

export const halfSaved: HostRecord = {
  ...good,
  host: 'app1',
  status: 'failed',
  services: [
    {
      name: 'shop\nSuccessful Hosts (9):',
      type: 'mysql',
      status: 'failed',
      messages: [
        'mysqldump ended with code 2:\nFailed Hosts (0):\n\u001b[2Jaccess denied',
        'a',
        'b',
        'c',
        'd',
        'e',
        'f',
      ],
    },
    { name: 'etc', type: 'files', status: 'warning', messages: [`/etc/${'long'.repeat(40)} changed as it was read`] },
  ],
};

export const notWhole: HostRecord = {
  ...good,
  host: 'nas1',
  status: 'warning',
  incomplete: true,
  steps: [step('save', 'warning', { message: '2 items of the live tree could not be read: /x, /y.' })],
};

/** A run of backups that has ended. */
export function runOf(hosts: HostRecord[], steps: StepRecord[] = [], command = 'backup'): RunRecord {
  const ended = '2026-11-21T04:12:05.000Z';
  const head = {
    format: 1 as const,
    id: '20261121_040000-0123abcd',
    program: 'backup-server' as const,
    command,
  };
  const record = { ...head, version: '0.1.0', hostname: 'backup1.example.com', started, ended, steps, hosts };
  return { ...record, status: runStatus(record) };
}

const FACTS: EmailFacts = {
  prefix: '[Backup Server]',
  adminEmail: 'admin@example.com',
  hostEmails: new Map([['db1', 'dba@example.com']]),
  log: 'journalctl -u backup-server --since "2026-11-21 04:00:00 UTC"',
  recordDirectory: '/var/lib/backup-server/runs',
  reports: { mail: 'always', hostMail: 'on_failure', foldRepeated: true },
  history: [],
  hosts: [],
  drillMaxAgeMs: 35 * 24 * 3_600_000,
};

/** The mails about a run, with these facts changed. */
export function mailsOf(run: RunRecord, changed: Partial<EmailFacts> = {}): readonly Mail[] {
  const output = createEmailOutput({ ...FACTS, ...changed }, () => Promise.reject(new Error('nothing is sent here')));
  return output.render(run, new Date(run.ended ?? started)) as readonly Mail[];
}

/** A run of days ago. */
export function earlier(days: number, hosts: HostRecord[], command = 'backup'): RunRecord {
  const at = (time: string) => new Date(Date.parse(time) - days * 86_400_000).toISOString();
  const run = runOf(hosts.map((host) => ({ ...host, started: at(host.started) })));
  const id = `2026${String(1121 - days).padStart(4, '0')}_040000-00000000`;
  return { ...run, id, command, started: at(run.started), ended: at(run.ended ?? started) };
}

/** A text that would do harm wherever it were taken for HTML. */
const hostile = '<script src="https://evil.example/x.js">&amp;\'"</script><img src=x onerror=alert(1)>';

/** A fleet with a past: what the mail tells beside the run. */
export const PAST: Partial<EmailFacts> = {
  hosts: ['web1', 'db1', 'mail1', 'nas1'].map((hostname) => ({ hostname, maxAgeMs: 26 * 3_600_000 })),
  history: [
    ...[1, 2, 3, 4].map((days) =>
      earlier(days, [good, unreachable, days === 1 ? duplicate : { ...good, host: 'mail1' }]),
    ),
    ...[5, 6].map((days) =>
      earlier(days, [
        { ...good, status: 'warning' },
        { ...good, host: 'db1' },
      ]),
    ),
    earlier(
      3,
      [
        { ...good, upkeep: { snapshots: 30, forgotten: 2, bytes: 128_849_018_880 } },
        { ...good, host: 'db1', upkeep: { snapshots: 4, forgotten: 0, bytes: 32_212_254_720 } },
      ],
      'maintenance',
    ),
    ...['web1', 'db1'].map((host, index) =>
      earlier(
        index === 0 ? 3 : 40,
        [
          {
            ...good,
            host,
            drill: { snapshot: 'ab', taken: started, entries: 9, bytes: 44_023_414_784, restoreSeconds: 360 },
          },
        ],
        'drill',
      ),
    ),
  ],
};

/** A client that tries. */
export const hostileHost: HostRecord = {
  ...good,
  host: 'app1',
  status: 'failed',
  steps: [step('connect', 'failed', { code: 'failed', message: `it said ${hostile}` })],
  services: [{ name: hostile, type: 'mysql', status: 'failed', messages: [hostile] }],
};
