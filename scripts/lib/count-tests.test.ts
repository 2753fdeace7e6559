// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { countTests, namesOfFailures } from './count-tests.mjs';

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});

it.each([
  ['all passed', [file('passed', 'passed', 'passed'), file('passed', 'passed')], 0, { passed: 3, failed: 0 }],
  ['one failed', [file('failed', 'passed', 'failed')], 1, { passed: 1, failed: 1 }],
  ['a skipped test is no evidence', [file('passed', 'passed', 'skipped', 'todo')], 0, { passed: 1, failed: 2 }],
  ['a file that cannot be loaded', [file('failed'), file('passed', 'passed')], 1, { passed: 1, failed: 1 }],
  ['a hook that failed', [file('failed', 'skipped')], 1, { passed: 0, failed: 2 }],
  ['a file without tests', [file('passed'), file('passed', 'passed')], 0, { passed: 1, failed: 1 }],
  ['an unhandled rejection', [file('passed', 'passed')], 1, { passed: 1, failed: 1 }],
  ['no files', [], 0, { passed: 0, failed: 1 }],
  ['no report', undefined, 0, { passed: 0, failed: 1 }],
])('%s', (_name, files, exitCode, expected) => {
  expect(countTests(files, exitCode)).toMatchObject(expected);
});

it('names what did not pass', () => {
  const files = [
    { name: 'a.test.ts', status: 'failed', assertionResults: [{ status: 'failed', fullName: 'is found' }] },
    { name: 'b.test.ts', status: 'failed', assertionResults: [] },
    { name: 'c.test.ts', status: 'passed', assertionResults: [{ status: 'passed', fullName: 'is well' }] },
  ];
  expect(namesOfFailures(files)).toEqual(['a.test.ts: is found (failed)', 'b.test.ts: failed outside of its tests']);
});
