// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord, StepRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { expect, test } from 'vitest';
import { runStatus } from '../../report/report.ts';
import { TEXT_WIDTH } from '../../report/text.ts';
import type { EmailFacts } from './mail-text.ts';
import { drillMails } from './render-drill.ts';

const started = '2026-11-21T05:00:00.000Z';

const step = (name: string, status: Status, message?: string, code?: string): StepRecord => ({
  ...{ name, status, started, seconds: 1 },
  ...(message === undefined ? {} : { message }),
  ...(code === undefined ? {} : { code }),
});

const proven: HostRecord = {
  ...{ host: 'web1', status: 'success', started, seconds: 512.2, services: [] },
  steps: [
    step('snapshot', 'success', 'ab12cd34 of 2026-11-20 04:01:00 UTC: the newest'),
    step('restore', 'success'),
    step('services', 'success', '3 proven, 1 not looked at: mysql/shop (mariadb: apt install mariadb-server)'),
    step('drill', 'success', '38.2 GiB in 6 min, 18,211 files compared'),
  ],
  drill: {
    ...{ snapshot: 'ab12cd34ef567890', taken: '2026-11-20T04:01:00.000Z', entries: 18_230 },
    ...{ bytes: 41_000_000_000, restoreSeconds: 360 },
    loaded: {
      ...{ proven: 3, failed: 0, unseenCount: 1, seconds: 12 },
      unseen: [{ service: 'mysql/shop', why: 'mariadb: apt install mariadb-server' }],
    },
  },
};

const doubtful: HostRecord = {
  ...proven,
  ...{ host: 'app1', status: 'warning' },
  steps: [
    ...proven.steps,
    step(
      'contents',
      'warning',
      'mysql/shop/shop.sql.gz would not load: the dump was cut: it does not end with "-- Dump completed"',
    ),
  ],
};

const skipped: HostRecord = {
  ...{ host: 'nas1', status: 'skipped', started, seconds: 0, services: [], skipped: 'SKIPPED_NO_TIME' },
  steps: [
    step(
      'host',
      'skipped',
      'the time for drills was up (drill.max_duration, 3 h); the next one begins with this host',
      'SKIPPED_NO_TIME',
    ),
  ],
};

const broken: HostRecord = {
  ...{ host: 'db1', status: 'failed', started, seconds: 41, services: [] },
  steps: [
    step('snapshot', 'success', '99aabbcc of 2026-11-20 04:07:00 UTC: the newest'),
    step(
      'compare',
      'failed',
      'What was restored is not what was saved, 2 of 18,230 entries differ:\nmysql/shop/shop.sql: its content is another one\nSuccessful Hosts (9):\\n\u001b[2J: is missing\nLook at the repository',
      'failed',
    ),
    step('last drill', 'success', 'no restore of this host was ever proven by a drill'),
  ],
};

function runOf(hosts: HostRecord[]): RunRecord {
  const head = {
    format: 1 as const,
    id: '20261121_050000-0123abcd',
    program: 'backup-server' as const,
    command: 'drill',
  };
  const rest = { version: '0.1.0', hostname: 'backup1.example.com', started, ended: '2026-11-21T05:12:05.000Z' };
  const record = { ...head, ...rest, steps: [], hosts };
  return { ...record, status: runStatus(record) };
}

const facts: EmailFacts = {
  prefix: '[Backup Server]',
  adminEmail: 'admin@example.com',
  hostEmails: new Map(),
  log: 'journalctl -u backup-drill --since "2026-11-21 05:00:00 UTC"',
  recordDirectory: '/var/lib/backup-server/runs',
  reports: { mail: 'always', hostMail: 'on_failure', foldRepeated: true },
  history: [],
  hosts: [],
  drillMaxAgeMs: 1,
};

test('the mail about drills', async () => {
  const [mail] = drillMails(runOf([proven, doubtful, skipped, broken]), facts);
  await expect(`${mail?.subject}\n\n${mail?.text}`).toMatchFileSnapshot('render.drill.expected');
  expect(mail?.important).toBe(true);
  const lines = mail?.text.split('\n') ?? [];
  expect(lines.filter((line) => line.length > TEXT_WIDTH)).toEqual([]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(lines.filter((line) => /[\x00-\x1f\x7f]/.test(line))).toEqual([]);
});

test.each([
  ['SUCCESSFUL', [proven]],
  ['COMPLETED WITH SKIPS', [proven, skipped]],
  ['COMPLETED WITH WARNINGS', [proven, skipped, doubtful]],
  ['FAILED', [proven, broken, skipped]],
])('its subject says %s', (outcome, hosts) => {
  expect(drillMails(runOf(hosts), facts)[0]?.subject).toBe(`[Backup Server] backup1.example.com - Drill ${outcome}`);
});
