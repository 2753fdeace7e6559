// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { resticError } from './meaning.ts';

const context = {
  ...{ host: 'web1', repository: '/backup/web1', password: '/etc/backup/password', verb: 'cat', exitCode: 1 },
  text: 'said by restic',
};

test('a missing repository warns of unmounted disks before it tells how to create one', () => {
  const { message, code } = resticError('missing', context);
  expect(code).toBe('failed');
  expect(message).toMatch(/at \/backup\/web1.*unmounted disk.*"backup-server init web1".*restic init/s);
});

test('a locked one names the holder and when unlocking is right', () => {
  const text =
    'repository is already locked exclusively by PID 7 on vm by root\nlock was created at 2026-11-21 11:31:02';
  const { message, code } = resticError('locked', { ...context, text });
  expect(code).toBe('locked');
  expect(message).toMatch(
    /Only if that process does not exist any more.*restic -r \/backup\/web1 unlock.*PID 7 on vm/s,
  );
});

test('a wrong password names its file, not its content', () => {
  expect(resticError('wrong-password', context).message).toContain('from /etc/backup/password does not open');
});

test('what restic says is bounded and cannot steer a terminal', () => {
  const { message } = resticError('other', { ...context, text: `\u001b[2J${'x'.repeat(5_000)}` });
  expect(message.length).toBeLessThan(1_500);
  expect(message).toContain('\\x1b[2J');
});

test('a stack trace does not hide the reason, and a long line keeps its end', () => {
  const trace =
    'unable to create lock\ngithub.com/restic/restic/internal/restic.NewLock\n\t/build/lock.go:90\nmain.main';
  const long = `Post "https://${'x'.repeat(900)}": connection refused`;
  const { message } = resticError('unreachable', { ...context, text: `${trace}\n${long}` });
  expect(message).toContain('unable to create lock');
  expect(message).toMatch(/connection refused$/);
  expect(message).not.toContain('lock.go');
});
