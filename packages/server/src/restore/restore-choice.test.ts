// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { newestSnapshot } from './restore-choice.ts';

const snapshot = (id: string, tag: string) => ({ id, time: '2026-11-21T04:00:00.000Z', tags: ['web1', tag] });
const old = snapshot('old', '20261120_030000');
const newer = snapshot('newer', '20261121_030000');

test('the newest one, when nothing is in doubt', () => {
  expect(newestSnapshot([old, newer], [], 'web1')).toEqual({ snapshot: newer, why: 'the newest' });
});

test('doubts about an older one do not matter', () => {
  expect(newestSnapshot([old, newer], ['20261120_030000'], 'web1').snapshot).toBe(newer);
});

test('one that was not proven whole is passed over, and that is said', () => {
  const { snapshot: chosen, why } = newestSnapshot([old, newer], ['20261121_030000'], 'web1');
  expect(chosen).toBe(old);
  expect(why).toContain('newer is newer but was not proven whole');
});

test('where there is no other, a doubtful one is better than none', () => {
  const { snapshot: chosen, why } = newestSnapshot([newer], ['20261121_030000'], 'web1');
  expect(chosen).toBe(newer);
  expect(why).toContain('NOT proven whole');
});

test('no snapshot at all is an error that says what to do', () => {
  expect(() => newestSnapshot([], [], 'web1')).toThrow('backup-server backup web1');
});
