// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Builds, checks and tests everything; the last line is `N passed, N failed`, where each check counts as one.
 *
 *     node scripts/test.mjs              all
 *     node scripts/test.mjs SUITE...     some of: check, unit, contracts, scenarios, fleet
 */
import { availableParallelism } from 'node:os';
import { runChecks } from './lib/checks.mjs';
import { start } from './lib/child.mjs';
import { startSuite } from './lib/vitest-suite.mjs';

const SUITES = ['check', 'unit', 'contracts', 'scenarios', 'fleet'];
const BUILD_LIMIT_MS = 2 * 60_000;
const total = { passed: 0, failed: 0 };
/** What failed, told once more at the end: between the suites lie thousands of lines. @type {string[]} */
const failures = [];

/** @param {{ passed: number, failed: number }} count */
function add({ passed, failed }) {
  total.passed += passed;
  total.failed += failed;
}

/** @param {string} title */
const heading = (title) => console.log(`\n==== ${title} ${'='.repeat(Math.max(3, 70 - title.length))}`);

/** @returns {Promise<boolean>} */
async function build() {
  heading('build');
  const child = start([process.execPath, 'scripts/build.mjs'], { limitMs: BUILD_LIMIT_MS });
  await child.show();
  const { code, seconds } = await child.ended;
  console.log(`build: ${code === 0 ? 'ok' : 'FAILED'} (${seconds.toFixed(1)} s)`);
  add(code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });
  return code === 0;
}

async function check() {
  heading('check');
  add(await runChecks());
}

const processors = availableParallelism();
/** Programs, database servers and machines wait for each other much of the time: more at once than there are processors. */
const WORKERS = /** @type {Record<string, number>} */ ({
  unit: processors,
  contracts: Math.ceil(0.75 * processors),
  scenarios: Math.ceil(0.75 * processors),
  fleet: 1,
});

/**
 * Runs suites at the same time, sharing the processors, and shows them one after the other.
 *
 * @param {string[]} names
 */
async function test(names) {
  const started = names.map((name) => ({ name, suite: startSuite(name, WORKERS[name] ?? 1) }));
  for (const { name, suite } of started) {
    heading(name);
    await suite.show();
    const { passed, failed, seconds, note, failures: names } = await suite.count;
    failures.push(...names.map((test) => `${name}: ${test}`));
    if (note !== undefined) console.log(`${name} ${note}.`);
    console.log(`${name}: ${passed} passed, ${failed} failed (${seconds.toFixed(1)} s)`);
    add({ passed, failed });
  }
}

/** @param {string[]} wanted */
async function main(wanted) {
  const unknown = wanted.filter((name) => !SUITES.includes(name));
  if (unknown.length > 0) throw new Error(`Unknown suite: ${unknown.join(', ')}. Known are ${SUITES.join(', ')}.`);
  const has = (/** @type {string} */ name) => wanted.includes(name);
  const withPrograms = ['contracts', 'scenarios', 'fleet'].filter(has);
  if (withPrograms.length > 0) await build();
  if (has('check')) await check();
  if (has('unit')) await test(['unit']);
  if (withPrograms.length > 0) await test(withPrograms);
  for (const failure of failures) console.log(`\nFAILED ${failure}`);
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}

const arguments_ = process.argv.slice(2);
await main(arguments_.length > 0 ? arguments_ : SUITES);
