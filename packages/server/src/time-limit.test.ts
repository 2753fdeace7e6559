// SPDX-License-Identifier: AGPL-3.0-or-later
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createTimeLimit } from './time-limit.ts';

test.each([
  ['a month, longer than a timer can wait', 31 * 86_400_000],
  ['no limit', undefined],
])('%s does not end a host at once', async (_, milliseconds) => {
  const limit = createTimeLimit(milliseconds, new AbortController().signal);
  await sleep(20);
  expect([limit.signal.aborted, limit.exceeded()]).toEqual([false, undefined]);
  limit.clear();
});

test('a host whose time is up is ended, and that is the reason given', async () => {
  const limit = createTimeLimit(1, new AbortController().signal);
  await new Promise((resolve) => limit.signal.addEventListener('abort', resolve));
  expect(limit.exceeded()?.message).toContain('host_time_limit');
});
