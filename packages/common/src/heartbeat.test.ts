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
  const warn = vi.fn();
  expect(heartbeatTimes({ NOTIFY_SOCKET: '/run/systemd/notify' }, warn)).toBeUndefined();
  expect(heartbeatTimes({ NOTIFY_FD: '3' }, warn)).toEqual({ descriptor: 3, extendMs: 300_000, limitMs: 86_400_000 });
  const times = { NOTIFY_FD: '3', NOTIFY_EXTEND: '20s', NOTIFY_LIMIT: '3d' };
  expect(heartbeatTimes(times, warn)).toMatchObject({ extendMs: 20_000, limitMs: 259_200_000 });
  expect(warn).not.toHaveBeenCalled();
});

it('what is no time is told, and keeps no run from beginning', () => {
  const warn = vi.fn();
  const times = { NOTIFY_FD: '3', NOTIFY_EXTEND: '0', NOTIFY_LIMIT: 'infinity' };
  expect(heartbeatTimes(times, warn)).toMatchObject({ extendMs: 300_000, limitMs: 86_400_000 });
  expect(warn.mock.calls.flat()).toEqual([
    expect.stringMatching(/^NOTIFY_EXTEND in the unit must be more than nothing: 5m counts/),
    expect.stringMatching(/^NOTIFY_LIMIT in the unit is wrong, 1d counts instead: /),
  ]);
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

it('a long line of the log is cut: systemd throws a message of 4096 bytes away, and the beat with it', () => {
  const { heartbeat, written } = begin();
  heartbeat.tell('\u20ac'.repeat(5_000));
  vi.advanceTimersByTime(2_000);
  expect(written.at(-1)).toMatch(new RegExp(`^${BEAT}\nSTATUS=\u20ac+\\.\\.\\.$`));
  expect(Buffer.byteLength(written.at(-1) ?? '')).toBeLessThan(4_096);
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
