// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { inStartOrder, isClosed } from './order.ts';

const CHAIN = { web: ['api'], api: ['db', 'cache'], db: [], cache: ['db'] };

it('what others depend on comes first, also through services that are not wanted', () => {
  expect(inStartOrder(['web', 'cache', 'db', 'api'], CHAIN)).toEqual(['db', 'cache', 'api', 'web']);
  expect(inStartOrder(['web', 'db'], CHAIN)).toEqual(['db', 'web']);
});

it('a circle does not hang', () => {
  expect(inStartOrder(['a', 'b', 'c'], { a: ['b'], b: ['a'], c: ['c'] })).toEqual(['b', 'a', 'c']);
});

it('knows whether starting by name would start something else', () => {
  expect(isClosed(['web', 'api', 'db', 'cache'], CHAIN)).toBe(true);
  expect(isClosed(['web', 'db'], CHAIN)).toBe(false);
  expect(isClosed(['unknown'], CHAIN)).toBe(true);
});
