// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type HeartbeatSettings, heartbeatTimes, startHeartbeat } from './heartbeat.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function begin(settings: Partial<HeartbeatSettings> = {}) {
  const written: string[] = [];
  const warnings: string[] = [];
  const heartbeat = startHeartbeat({
    descriptor: 9,
    extendMs: 10_000,
    limitMs: 60_000,
    write: (_descriptor, text) => written.push(text),
    endingMs: () => undefined,
    warn: (message) => warnings.push(message),
    ...settings,
  });
  return { heartbeat, written, warnings };
}

const BEAT = 'EXTEND_TIMEOUT_USEC=10000000';

it('the times of the unit count, where it has a socket', () => {
  expect(heartbeatTimes({ NOTIFY_SOCKET: '/run/systemd/notify' })).toBeUndefined();
  expect(heartbeatTimes({ NOTIFY_FD: '3' })).toEqual({ descriptor: 3, extendMs: 300_000, limitMs: 86_400_000 });
  const times = { NOTIFY_FD: '3', NOTIFY_EXTEND: '20s', NOTIFY_LIMIT: '3d' };
  expect(heartbeatTimes(times)).toMatchObject({ extendMs: 20_000, limitMs: 259_200_000 });
  expect(() => heartbeatTimes({ ...times, NOTIFY_LIMIT: 'long' })).toThrow(/NOTIFY_LIMIT in the unit is wrong/);
  expect(() => heartbeatTimes({ ...times, NOTIFY_EXTEND: '0' })).toThrow(/NOTIFY_EXTEND in the unit is wrong/);
});

it('beats at once and ten times as often as needed, with what was said last', () => {
  const { heartbeat, written } = begin();
  expect(written).toEqual([BEAT]);
  heartbeat.tell('one');
  heartbeat.tell('two');
  vi.advanceTimersByTime(2_000);
  expect(written).toContain(`${BEAT}\nSTATUS=two`);
  expect(written.join()).not.toContain('one');
  heartbeat.stop();
  const before = written.length;
  vi.advanceTimersByTime(20_000);
  expect(written).toHaveLength(before);
});

it('an honest run ends too: no more beats after the limit, and a warning', () => {
  const { written, warnings } = begin();
  vi.advanceTimersByTime(80_000);
  expect(written).toHaveLength(61);
  expect(warnings).toEqual([expect.stringContaining('NOTIFY_LIMIT')]);
});

it('after SIGTERM it may put things back for a quarter of an hour, whatever the limit was', () => {
  let ending: number | undefined;
  const { written } = begin({ endingMs: () => ending });
  vi.advanceTimersByTime(70_000);
  const before = written.length;
  ending = 10;
  vi.advanceTimersByTime(1_000);
  expect(written).toHaveLength(before + 1);
  ending = 16 * 60_000;
  vi.advanceTimersByTime(5_000);
  expect(written).toHaveLength(before + 1);
});

it('says once that systemd does not listen; that it is busy is no reason to', () => {
  const failing = (code: string) => () => {
    throw Object.assign(new Error(`write ${code}`), { code });
  };
  const broken = begin({ write: failing('ECONNREFUSED') });
  vi.advanceTimersByTime(5_000);
  expect(broken.warnings).toEqual([expect.stringContaining('ECONNREFUSED')]);
  const busy = begin({ write: failing('EAGAIN') });
  vi.advanceTimersByTime(5_000);
  expect(busy.warnings).toEqual([]);
});
