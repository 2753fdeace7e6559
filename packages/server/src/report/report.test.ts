// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ManifestService } from '@local-backup/common/manifest';
import type { ServiceResult, StepRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { expect, test } from 'vitest';
import { hostStatus, runStatus, serviceResults } from './report.ts';

const step = (status: Status): StepRecord => ({ name: 'x', status, started: '2026-11-21T04:00:00.000Z', seconds: 1 });
const service = (status: Status): ServiceResult => ({ name: 'shop', type: 'mysql', status, messages: [] });

test.each<[string, { steps: Status[]; services: Status[]; skipped?: string }, Status]>([
  ['all went well', { steps: ['success', 'success'], services: ['success'] }, 'success'],
  ['nothing was done at all', { steps: [], services: [] }, 'failed'],
  ['a step warned', { steps: ['success', 'warning'], services: ['success'] }, 'warning'],
  ['nothing had to be done', { steps: ['success'], services: [], skipped: 'SKIPPED_DUPLICATE' }, 'skipped'],
  ['the last backup is too old', { steps: ['failed'], services: [], skipped: 'SKIPPED_DUPLICATE' }, 'failed'],
  ['a service warned', { steps: ['success'], services: ['success', 'warning'] }, 'warning'],
  ['a service was left out', { steps: ['success'], services: ['skipped'] }, 'warning'],
  ['a service failed on the client', { steps: ['success'], services: ['success', 'failed'] }, 'failed'],
])('a host of which %s', (_, { steps, services, ...rest }, expected) => {
  expect(hostStatus({ steps: steps.map(step), services: services.map(service), ...rest })).toBe(expected);
});

const hostOf = (status: Status) => ({ host: 'web1', status, started: '', seconds: 0, steps: [], services: [] });

test.each<[string, Status[], Status[], Status]>([
  ['no hosts at all', [], ['success'], 'failed'],
  ['only successes', ['success', 'success'], [], 'success'],
  ['a skip', ['success', 'skipped'], [], 'skipped'],
  ['a failure', ['success', 'skipped', 'failed', 'warning'], [], 'failed'],
  ['a failed step of its own', ['success'], ['failed'], 'failed'],
])('a run with %s', (_, hosts, steps, expected) => {
  expect(runStatus({ hosts: hosts.map(hostOf), steps: steps.map(step) })).toBe(expected);
});

test('the record of a service has the messages of tasks that did not go well, each once', () => {
  const task = (plugin: string, status: Status, messages: string[]) => ({
    plugin,
    status,
    messages,
    seconds: 1,
    facts: {},
  });
  const manifestService: ManifestService = {
    name: 'shop',
    type: 'mysql',
    status: 'failed',
    messages: ['files: said already'],
    started: '2026-11-21T03:00:00.000Z',
    seconds: 1,
    secondsStopped: 0,
    bytes: 0,
    files: 0,
    tasks: [
      task('files', 'warning', ['said already']),
      task('mysql', 'failed', ['access denied']),
      task('command', 'success', ['not worth a line']),
    ],
  };
  const short = ['files: said already', 'mysql: access denied'];
  const result = { name: 'shop', type: 'mysql', status: 'failed' };
  expect(serviceResults([manifestService])).toEqual([{ ...result, messages: short }]);
  const talkative = {
    ...manifestService,
    status: 'success' as const,
    messages: new Array(50).fill('x'.repeat(10_000)),
  };
  const many = serviceResults([...new Array(1_500).fill({ ...talkative, tasks: [] }), manifestService]);
  expect(many).toHaveLength(1_000);
  expect(many[0]).toEqual({ ...result, messages: short });
  expect(JSON.stringify(many).length).toBeLessThan(200_000);
  expect(many.at(-1)?.messages).toEqual(['... and more in the manifest of the archive']);
});
