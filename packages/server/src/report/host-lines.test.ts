// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, ServiceResult } from '@local-backup/common/run-record';
import { expect, test } from 'vitest';
import { hostLines } from './host-lines.ts';

const started = '2026-11-21T04:00:00.000Z';
const host: HostRecord = { host: 'web1', status: 'failed', started, seconds: 1, steps: [], services: [] };

function service(number: number, status: ServiceResult['status'], messages: readonly string[] = []): ServiceResult {
  return { name: `shop${number}`, type: 'mysql', status, messages: [...messages] };
}

test('of thousands of services some are shown, failed ones first, and the rest is counted', () => {
  const services = Array.from({ length: 2_600 }, (_, number) => service(number, number < 2_595 ? 'warning' : 'failed'));
  const lines = hostLines({ ...host, services }, '  ');
  expect(lines).toHaveLength(22);
  expect(lines[0]).toContain('FAILED service mysql/shop2595');
  expect(lines[20]).toBe('  ... and 2,580 more, see the record');
  expect(lines.at(-1)).toBe('  took 1.0 s');
});

test('long messages of many services do not make a long mail', () => {
  const services = Array.from({ length: 20 }, (_, number) =>
    service(number, 'failed', Array(5).fill('long '.repeat(200))),
  );
  const lines = hostLines({ ...host, services }, '  ');
  expect(lines).toHaveLength(202);
  expect(lines[200]).toMatch(/^ {2}\.\.\. and [\d,]+ more, see the record$/);
});

test('few services are shown in their order, all of them', () => {
  const services = [service(1, 'warning'), service(2, 'success'), service(3, 'failed')];
  expect(hostLines({ ...host, services }, '').slice(0, 2)).toEqual([
    expect.stringContaining('shop1'),
    expect.stringContaining('shop3'),
  ]);
});

test('how long services stood still is told, the longest time first', () => {
  const services = [
    { ...service(1, 'success'), secondsStopped: 2.31 },
    service(2, 'success'),
    { ...service(3, 'success'), secondsStopped: 200 },
  ];
  expect(hostLines({ ...host, services }, '').slice(-2)).toEqual([
    'stopped meanwhile: mysql/shop3 3 min 20 s, mysql/shop1 2.3 s',
    'took 1.0 s',
  ]);
});
