// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * @typedef {{ status: string, fullName?: string }} TestResult
 * @typedef {{ name?: string, status: string, assertionResults: TestResult[] }} FileResult One test file in vitest's JSON report.
 * @typedef {{ passed: number, failed: number, note?: string }} Count `note` says why, where no test does.
 */

/**
 * Counts the tests of a suite. Absence of evidence is a failure: no report, no test, a file that could not be loaded, a
 * test that was skipped.
 *
 * @param {FileResult[] | undefined} files
 * @param {number} exitCode
 * @returns {Count}
 */
export function countTests(files, exitCode) {
  if (files === undefined) return { passed: 0, failed: 1, note: 'left no report' };
  if (files.length === 0) return { passed: 0, failed: 1, note: 'ran no tests' };
  const tests = files.flatMap((file) => file.assertionResults);
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const broken = files.filter(isBroken).length;
  const failed = tests.length - passed + broken;
  if (failed === 0 && exitCode !== 0)
    return { passed, failed: 1, note: `ended with ${exitCode} though no test failed` };
  return broken > 0
    ? { passed, failed, note: `has test files that failed outside of their tests: ${broken}` }
    : { passed, failed };
}

/**
 * Failed while it was loaded or in a hook, or holds no test.
 *
 * @param {FileResult} file
 */
function isBroken({ status, assertionResults }) {
  const isFailed = status === 'failed' && !assertionResults.some((test) => test.status === 'failed');
  return isFailed || assertionResults.length === 0;
}

/**
 * The names of what did not pass, for the end of a long output.
 *
 * @param {FileResult[]} files
 * @returns {string[]}
 */
export function namesOfFailures(files) {
  return files.flatMap(({ name = '', status, assertionResults }) => {
    const bad = assertionResults.filter((test) => test.status !== 'passed');
    const names = bad.map((test) => `${name}: ${test.fullName ?? ''} (${test.status})`);
    return isBroken({ status, assertionResults }) ? [`${name}: failed outside of its tests`, ...names] : names;
  });
}
