// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acceptClock, clockProblem, judgeClock, watchClock } from './clock-watch.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MAX_JUMP = 30 * DAY;
const start = new Date('2026-11-21T04:00:00.000Z');
const after = (ms: number) => new Date(start.getTime() + ms);

/** The state after looks at these times, in milliseconds after the start. */
const looks = (...times: readonly number[]) => {
  let state = judgeClock(undefined, start, MAX_JUMP);
  for (const time of times) state = judgeClock(state, after(time), MAX_JUMP);
  return state;
};

test('the first look believes the clock', () => {
  expect(judgeClock(undefined, start, MAX_JUMP)).toEqual({ format: 1, newest: start.toISOString() });
});

test.each([
  ['a day later', [DAY], DAY],
  ['a little back', [DAY, DAY - 4 * 60_000], DAY],
  ['as far on as is allowed', [MAX_JUMP], MAX_JUMP],
])('%s is no jump', (_, times, newest) => {
  expect(looks(...times)).toEqual({ format: 1, newest: after(newest).toISOString() });
});

test.each([
  ['back by an hour', [DAY, DAY - HOUR], 'back'],
  ['back by a year', [-365 * DAY], 'back'],
  ['on by more than is allowed', [MAX_JUMP + 1], 'forward'],
  ['on by a year', [365 * DAY], 'forward'],
])('%s is a jump, and stays one', (_, times, kind) => {
  const last = times.at(-1) ?? 0;
  const seen = looks(...times);
  expect(seen.jump).toEqual({ kind, shown: after(last).toISOString() });
  expect(looks(...times, last + 2 * 60_000).jump).toEqual(seen.jump);
});

test('a time that is not believed never counts as the newest known', () => {
  expect(looks(365 * DAY).newest).toBe(start.toISOString());
  expect(looks(-365 * DAY).newest).toBe(start.toISOString());
});

test('a jump is over when the clock is back where it can be believed', () => {
  expect(looks(-365 * DAY, DAY)).toEqual({ format: 1, newest: after(DAY).toISOString() });
  expect(looks(365 * DAY, DAY)).toEqual({ format: 1, newest: after(DAY).toISOString() });
  expect(looks(DAY, DAY - HOUR, DAY + 1).jump).toBeUndefined();
});

test('a jump the other way is told as what it is', () => {
  expect(looks(365 * DAY, -365 * DAY).jump?.kind).toBe('back');
});

test('the problem names both times and what to do', () => {
  expect(clockProblem(looks(DAY))).toBeUndefined();
  expect(clockProblem(looks(-2 * DAY))).toBe(
    'The clock of this server went back by 2 d: the newest time known was 2026-11-21 04:00:00 UTC, then it showed ' +
      '2026-11-19 04:00:00 UTC. Look whether it is right (timedatectl); if it is, and snapshots with wrong times are no ' +
      'loss: backup-server release --clock. It is over when the clock has passed the newest time known, too.',
  );
  expect(clockProblem(looks(60 * DAY))).toMatch(/went forward by 60 d: .* release --clock\.$/);
});

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'clock-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

test('what was seen is remembered, and accepted for good', async () => {
  const state = join(directory, 'new', 'state');
  expect(await watchClock(state, start, MAX_JUMP)).toBeUndefined();
  expect(await watchClock(state, after(-DAY), MAX_JUMP)).toContain('went back by');
  await acceptClock(state, after(-DAY));
  expect(await watchClock(state, after(-DAY + HOUR), MAX_JUMP)).toBeUndefined();
  expect(JSON.parse(readFileSync(join(state, 'clock.json'), 'utf8'))).toEqual({
    format: 1,
    newest: after(-DAY + HOUR).toISOString(),
  });
});

test('a dry run sees the jump and writes nothing', async () => {
  const state = join(directory, 'dry');
  await watchClock(state, start, MAX_JUMP);
  const before = readFileSync(join(state, 'clock.json'), 'utf8');
  expect(await watchClock(state, after(-DAY), MAX_JUMP, { dryRun: true })).toContain('went back by');
  expect(readFileSync(join(state, 'clock.json'), 'utf8')).toBe(before);
});

test('a damaged file is no first look; accepting the clock mends it', async () => {
  writeFileSync(join(directory, 'clock.json'), '{"format":1,"newest":');
  await expect(watchClock(directory, start, MAX_JUMP)).rejects.toThrow(/nothing is forgotten.*release --clock/s);
  await acceptClock(directory, start);
  expect(await watchClock(directory, after(HOUR), MAX_JUMP)).toBeUndefined();
});
