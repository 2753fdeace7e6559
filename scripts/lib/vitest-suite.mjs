// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { start } from './child.mjs';
import { countTests, namesOfFailures } from './count-tests.mjs';
import { repository, tool } from './repository.mjs';

/** A suite that hangs must not hang whoever waits for it. */
const LIMIT_MS = 30 * 60_000;

/**
 * Starts one project of vitest.config.ts.
 *
 * @param {string} project
 * @param {number} workers
 */
export function startSuite(project, workers) {
  const report = join(repository, `node_modules/.cache/test/${project}.json`);
  mkdirSync(join(report, '..'), { recursive: true });
  rmSync(report, { force: true });
  const child = start(
    [
      tool('vitest'),
      'run',
      `--project=${project}`,
      `--maxWorkers=${workers}`,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    { limitMs: LIMIT_MS },
  );
  const count = child.ended.then(({ code, seconds }) => {
    const files = readReport(report);
    return { seconds, ...countTests(files, code), failures: namesOfFailures(files ?? []) };
  });
  return { show: child.show, count };
}

/** @param {string} report */
const readReport = (report) => (existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')).testResults : undefined);
