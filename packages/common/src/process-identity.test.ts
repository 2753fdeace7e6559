// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { isRunning, ownIdentity } from './process-identity.ts';

const own = ownIdentity();

it.each([
  ['itself', {}, true],
  ['a pid that was given to somebody else', { startTime: '1' }, false],
  ['one before the last boot', { bootId: 'another', startTime: '1' }, false],
  ['one of another container', { pidNamespace: 'pid:[1]' }, 'unknown'],
  ['one of a container that was before the last boot', { pidNamespace: 'pid:[1]', bootId: 'another' }, false],
  ['one that sees another boot id, as in a unit in systemd-nspawn', { bootId: 'another' }, 'unknown'],
] as const)('%s', (_title, change, expected) => {
  expect(isRunning({ ...own, ...change }, own)).toBe(expected);
});
