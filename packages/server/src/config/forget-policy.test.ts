// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { checkForgetPolicy, forgetPolicyWords } from './forget-policy.ts';

it.each([
  '--keep-daily 7 --keep-weekly 4 --keep-monthly 12 --keep-yearly 3',
  '--keep-last=3',
  '--keep-within 1y6m3d --keep-within-daily=30d',
])('%s', (policy) => {
  expect(checkForgetPolicy(policy)).toBeUndefined();
});

it.each([
  ['', 'at least one option'],
  ['--keep-last -1', 'whole number of at least 1 after `--keep-last`'],
  ['--keep-last 0', 'whole number of at least 1'],
  ['--keep-last', 'whole number of at least 1'],
  ['--keep-last unlimited', 'whole number of at least 1'],
  ['--keep-within soon', 'a time such as'],
  ['--keep-within 0d', 'a time such as'],
  ['--keep-tag typo', '`--keep-tag` is none of them'],
  ['--prune', '`--prune` is none of them'],
  ['keep-daily 7', '`keep-daily` is none of them'],
])('%s is refused', (policy, complaint) => {
  expect(checkForgetPolicy(policy)).toContain(complaint);
});

it('is split into the words of a command line', () => {
  expect(forgetPolicyWords(' --keep-last=3  --keep-daily 7')).toEqual(['--keep-last', '3', '--keep-daily', '7']);
});
