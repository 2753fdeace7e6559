// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { ConfirmKeys } from './confirm-keys.ts';
import { takeKey, takeLine } from './split-keys.ts';

/** All keys of what was typed, and what is left of it. */
function keysOf(typed: string, isClosed = false): string[] {
  const keys: string[] = [];
  let text = typed;
  for (let taken = takeKey(text, isClosed); taken !== undefined; taken = takeKey(text, isClosed)) {
    keys.push(taken.value);
    text = taken.rest;
  }
  return [...keys, text];
}

it.each([
  ['ab', ['a', 'b', '']],
  ['\n\r', ['\r', '\r', '']],
  ['\x1b[A\x1bOB\x1b[1;5C', ['\x1b[A', '\x1bOB', '\x1b[1;5C', '']],
  ['\x1b[', ['\x1b[']],
  ['a\x1b', ['a', '\x1b']],
  ['\x1b\x1b[Ay', ['\x1b[A', 'y', '']],
  ['\x1by', ['y', '']],
  ['ü😀', ['ü', '😀', '']],
])('keys of %j', (typed, keys) => {
  expect(keysOf(typed)).toEqual(keys);
});

it('what is not whole when the terminal is closed is no key', () => {
  expect(keysOf('a\x1b', true)).toEqual(['a', '\x1b']);
  expect(keysOf('\x1b[', true)).toEqual(['[', '']);
});

it('lines end as they may', () => {
  expect(takeLine('a\r\nb', false)).toEqual({ value: 'a', rest: 'b' });
  expect(takeLine('\nb', false)).toEqual({ value: '', rest: 'b' });
  expect(takeLine('b', false)).toBeUndefined();
  expect(takeLine('b', true)).toEqual({ value: 'b', rest: '' });
  expect(takeLine('', true)).toBeUndefined();
});

it.each([
  ['\r', 'no'],
  ['y\r', 'yes'],
  ['yes\r', 'yes'],
  ['n\r', 'no'],
  ['yno\r', undefined],
  ['yno\r\r', 'no'],
  ['\x1b[C\r', 'yes'],
  ['\x1b[C\x1b[D\r', 'no'],
  ['y \r', 'no'],
  ['ye', undefined],
])('a confirmation answered with %j is %j', (typed, answer) => {
  const keys = new ConfirmKeys();
  let shown = 'no';
  let answered: string | undefined;
  for (const pressed of keysOf(typed).slice(0, -1)) {
    for (const key of keys.press(pressed)) {
      if (key === '\r') answered = shown;
      else shown = shown === 'no' ? 'yes' : 'no';
    }
  }
  expect(answered).toBe(answer);
});
