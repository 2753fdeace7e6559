// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord } from '@local-backup/common/run-record';
import { describe, expect, test } from 'vitest';
import { hostStates, type State, type StateFacts } from './host-state.ts';
import { fleetState, PLUGIN_EXIT_CODE, renderStatus } from './render-status.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const now = new Date('2026-11-21T12:00:00.000Z');
const FACTS: StateFacts = {
  drillMaxAgeMs: 35 * DAY,
  copyMaxAgeMs: new Map([['offsite', 2 * DAY]]),
  suspicious: new Map(),
  rejected: new Set(),
};

const before = (age: number) => new Date(now.getTime() - age).toISOString();

const hostOf = (host: string, rest: Partial<HostRecord> = {}): HostRecord => ({
  host,
  status: 'success',
  started: before(8 * HOUR),
  seconds: 0,
  steps: [],
  services: [],
  ...(rest.status === 'failed' ? {} : { snapshot: 'ab12cd34' }),
  ...rest,
});

/** A run of hours ago; its hosts had their turn when it began. */
function runOf(age: number, hosts: readonly HostRecord[], rest: Partial<RunRecord> = {}): RunRecord {
  const started = before(age);
  return {
    format: 1,
    id: `${started.slice(0, 10).replaceAll('-', '')}_${started.slice(11, 19).replaceAll(':', '')}-00000000`,
    program: 'backup-server',
    command: 'backup',
    version: '0.1.0',
    hostname: 'backup1',
    started,
    ended: before(age - 60_000),
    status: 'success',
    steps: [],
    hosts: hosts.map((host) => ({ ...host, started })),
    ...rest,
  };
}

const drillOf = (age: number, host: string, status: HostRecord['status'] = 'success') =>
  runOf(
    age,
    [hostOf(host, { status, drill: { snapshot: 'ab', taken: before(age), entries: 3, bytes: 5, restoreSeconds: 1 } })],
    { command: 'drill' },
  );

function fleetOf(
  runs: readonly RunRecord[],
  { hosts = ['web1'], damaged = [] as string[], others = [] as string[], facts = {} as Partial<StateFacts> } = {},
) {
  const expected = hosts.map((hostname) => ({ hostname, maxAgeMs: 26 * HOUR }));
  return fleetState(hostStates(expected, runs, { ...FACTS, ...facts }, now), runs, { damaged, others });
}

test('the state of the fleet: a line for check plugins, a table, what is wrong and what to do', () => {
  const runs = [
    runOf(8 * HOUR, [
      hostOf('web1'),
      hostOf('web2', { status: 'skipped', snapshot: 'x' }),
      hostOf('db1', { status: 'failed' }),
    ]),
    runOf(DAY, [hostOf('web1', { status: 'skipped' })], { command: 'maintenance' }),
    runOf(3 * DAY, [hostOf('web1', { upkeep: { snapshots: 3, forgotten: 0 } })], { command: 'maintenance' }),
    drillOf(5 * DAY, 'web1'),
  ];
  expect(renderStatus(fleetOf(runs, { hosts: ['web1', 'web2', 'db1'] }), now)).toEqual([
    'CRITICAL: 1 of 3 hosts: db1 never backed up',
    '',
    '          Host  Last success             Age  Limit  Last run  Drill  Maintenance',
    'ok        web1  2026-11-21 04:00:00 UTC  8 h  26 h   success   5 d    3 d',
    'ok        web2  2026-11-21 04:00:00 UTC  8 h  26 h   skipped   -      -',
    'CRITICAL  db1   never                    -    26 h   failed    -      -',
    '',
    'db1: CRITICAL: never backed up.',
    '    Next: backup-server check db1; backup-server backup db1',
    'db1: CRITICAL: its last backup failed.',
    '    Next: backup-server runs show --command backup --host db1',
    '',
    'Last run 20261121_040000-00000000 (backup), started 2026-11-21 04:00:00 UTC: success',
  ]);
});

/** A maintenance of one step. */
const maintained = (age: number, name: string, code: 'success' | 'failed' | 'interrupted', message?: string) => {
  const status = code === 'success' ? code : ('failed' as const);
  const step = { name, status, code, started: before(age), seconds: 1 };
  const steps = [message === undefined ? step : { ...step, message }];
  return runOf(age, [hostOf('web1', { status, steps })], { command: 'maintenance' });
};

const copyOf = (status: HostRecord['status'], age: number) =>
  hostOf('web1', { copies: [{ name: 'offsite', status, seconds: 1, newest: before(age) }] });

describe('the state and the first line', () => {
  test.each<[State, string, readonly RunRecord[]]>([
    ['ok', 'OK: 1 host in order, the oldest backup is 8 h old', [runOf(8 * HOUR, [hostOf('web1')])]],
    ['critical', 'CRITICAL: 1 of 1 host: web1 last good backup 2 d 2 h old', [runOf(50 * HOUR, [hostOf('web1')])]],
    ['critical', 'web1 never backed up', []],
    [
      'critical',
      'web1 its last backup failed',
      [runOf(2 * HOUR, [hostOf('web1', { status: 'failed' })]), runOf(8 * HOUR, [hostOf('web1')])],
    ],
    ['warning', 'web1 its last backup had warnings', [runOf(8 * HOUR, [hostOf('web1', { status: 'warning' })])]],
    ['critical', 'web1 its last drill failed', [runOf(8 * HOUR, [hostOf('web1')]), drillOf(DAY, 'web1', 'failed')]],
    ['warning', 'web1 last proven restore 40 d ago', [runOf(8 * HOUR, [hostOf('web1')]), drillOf(40 * DAY, 'web1')]],
    ['warning', 'no restore was ever proven', [runOf(8 * HOUR, [hostOf('web1')]), runOf(40 * DAY, [hostOf('web1')])]],
    [
      'critical',
      'the check of its repository failed',
      [runOf(8 * HOUR, [hostOf('web1')]), maintained(HOUR, 'state', 'failed'), maintained(DAY, 'check', 'failed')],
    ],
    [
      'critical',
      'the check of its repository failed',
      [
        runOf(8 * HOUR, [hostOf('web1')]),
        maintained(HOUR, 'check', 'success', 'not done: `restic.maintenance.check` is false'),
        maintained(DAY, 'check', 'failed', 'a pack is missing'),
      ],
    ],
    [
      'warning',
      'its last maintenance failed',
      [
        runOf(8 * HOUR, [hostOf('web1')]),
        maintained(HOUR, 'check', 'interrupted'),
        maintained(DAY, 'check', 'success'),
      ],
    ],
    [
      'warning',
      'its repository was never checked',
      [runOf(8 * HOUR, [hostOf('web1')]), runOf(17 * DAY, [hostOf('web1')])],
    ],
    [
      'warning',
      'last maintenance 20 d ago',
      [runOf(8 * HOUR, [hostOf('web1')]), runOf(20 * DAY, [hostOf('web1')], { command: 'maintenance' })],
    ],
    [
      'warning',
      'copy to offsite failed, its newest snapshot there is 8 h old',
      [runOf(8 * HOUR, [copyOf('failed', 8 * HOUR)])],
    ],
    ['warning', 'copy to offsite is too old', [runOf(8 * HOUR, [copyOf('success', 3 * DAY)])]],
    [
      'critical',
      'the check of its repository failed',
      [
        runOf(8 * HOUR, [hostOf('web1')]),
        runOf(
          DAY,
          [
            hostOf('web1', {
              status: 'failed',
              steps: [{ name: 'check', status: 'failed', started: before(0), seconds: 1 }],
            }),
          ],
          { command: 'maintenance' },
        ),
      ],
    ],
    [
      'warning',
      'the last backup run: the disk was full',
      [
        runOf(8 * HOUR, [hostOf('web1')], {
          steps: [{ name: 'record', status: 'failed', started: before(0), seconds: 0, message: 'the disk was full' }],
        }),
      ],
    ],
  ])('%s: %s', (state, line, runs) => {
    const fleet = fleetOf(runs);
    expect(fleet).toMatchObject({ state, green: state === 'ok' });
    expect(fleet.summary).toContain(line);
    expect(fleet.summary.startsWith(`${state.toUpperCase()}: `)).toBe(true);
  });

  test('a copy that is not configured any more does not count', () => {
    const facts = { copyMaxAgeMs: new Map() };
    expect(fleetOf([runOf(8 * HOUR, [copyOf('failed', 3 * DAY)])], { facts }).state).toBe('ok');
  });

  test('a suspicious host is a warning with the evidence, and how to release it', () => {
    const facts = { suspicious: new Map([['web1', '90 % of the files changed | rm']]) };
    const fleet = fleetOf([runOf(8 * HOUR, [hostOf('web1', { status: 'warning' })])], { facts });
    // What follows a bar would be taken for figures by a check plugin.
    expect(fleet.summary).toBe('WARNING: 1 of 1 host: web1 suspicious: 90 % of the files changed / rm');
    expect(renderStatus(fleet, now).join('\n')).toContain('Next: backup-server release web1');
  });

  test('a host whose configuration cannot be used is critical', () => {
    expect(fleetOf([runOf(HOUR, [hostOf('web1')])], { facts: { rejected: new Set(['web1']) } }).summary).toBe(
      'CRITICAL: 1 of 1 host: web1 its configuration cannot be used',
    );
  });

  test('where not one record can be read nothing is known; where some cannot, that is a warning', () => {
    expect(fleetOf([], { damaged: ['it is not JSON'] })).toMatchObject({
      state: 'unknown',
      summary: 'UNKNOWN: it is not JSON',
    });
    const fleet = fleetOf([runOf(HOUR, [hostOf('web1')])], { damaged: ['it is not JSON'] });
    expect(fleet).toMatchObject({ state: 'warning', summary: 'WARNING: it is not JSON' });
    expect(renderStatus(fleet, now)).toContain('WARNING: it is not JSON');
  });

  test('mails that wait are a warning, whether or not there are records', () => {
    const others = ['2 mails wait'];
    expect(fleetOf([runOf(HOUR, [hostOf('web1')])], { others })).toMatchObject({ summary: 'WARNING: 2 mails wait' });
    expect(fleetOf([], { others }).state).toBe('critical');
  });

  test('no hosts are unknown, and many are not all named', () => {
    expect(fleetOf([], { hosts: [] }).state).toBe('unknown');
    const hosts = Array.from({ length: 9 }, (_, index) => `web${index}`);
    expect(fleetOf([], { hosts }).summary).toMatch(/^CRITICAL: 9 of 9 hosts: web0 .*web4 never backed up, and 4 more$/);
  });
});

test('exit codes are those of check plugins', () => {
  expect(PLUGIN_EXIT_CODE).toEqual({ ok: 0, warning: 1, critical: 2, unknown: 3 });
});

test('a run without an end is under way or was killed', () => {
  const { ended: _, ...running } = runOf(HOUR, [hostOf('web1')], { status: 'running' });
  expect(renderStatus(fleetOf([running]), now).at(-1)).toMatch(/: under way, or killed before it ended$/);
});

test('colour is put around the words alone: columns stay where they are', () => {
  const fleet = fleetOf([runOf(8 * HOUR, [hostOf('web1')])]);
  const painted = renderStatus(fleet, now, true);
  expect(painted[3]?.startsWith('\u001b[32mok\u001b[0m  web1  ')).toBe(true);
  expect(painted[0]).toBe(`\u001b[32m${fleet.summary}\u001b[0m`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken away
  expect(painted.map((line) => line.replace(/\u001b\[\d+m/g, ''))).toEqual(renderStatus(fleet, now));
});
