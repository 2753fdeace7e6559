// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import type { Run } from './exec.ts';
import { lookAtTimers } from './timers.ts';

const signal = new AbortController().signal;

/** Answers of systemctl, by its verb. */
const answering = (answers: Readonly<Record<string, string>>): Run => {
  return async (_program, [verb = '']) => ({ exitCode: 0, stdout: answers[verb] ?? '', stderr: '', truncated: false });
};

const look = (answers: Readonly<Record<string, string>>) =>
  lookAtTimers(['a.timer', 'b.timer'], { run: answering(answers), signal, booted: '/' });

it('all enabled and waiting is well', async () => {
  expect(await look({ 'is-enabled': 'enabled\nenabled\n', 'is-active': 'active\nactive\n' })).toMatch(
    /enabled and waiting/,
  );
});

it.each([
  [
    { 'is-enabled': 'enabled\ndisabled\n', 'is-active': 'active\ninactive\n' },
    /starts on its own: b\.timer\. .*enable --now b\.timer$/,
  ],
  [{ 'is-enabled': 'enabled\nenabled\n', 'is-active': 'inactive\nactive\n' }, /starts on its own: a\.timer\./],
  [{ 'is-enabled': '', 'is-active': 'inactive\ninactive\n' }, /a\.timer, b\.timer/],
])('what does not start on its own is named, with the command: %j', async (answers, message) => {
  expect(await look(answers)).toEqual({ warning: expect.stringMatching(message) });
});

it('without systemd there are no timers to look at', async () => {
  const run = answering({});
  expect(await lookAtTimers(['a.timer'], { run, signal, booted: '/nonexistent' })).toContain('systemd is not at work');
});
