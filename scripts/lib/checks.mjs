// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { start } from './child.mjs';
import { repository, tool } from './repository.mjs';
import { filesWithoutLicence } from './spdx.mjs';

const LIMIT_MS = 5 * 60_000;
const DOCS = 'scripts/docs/main.ts';

/** What `npm run check` consists of: a name, and a program that ends with 0 when all is well. */
const CHECKS = [
  { name: 'types', command: [tool('tsc'), '--noEmit'] },
  {
    name: 'format, lint and import boundaries',
    command: [tool('biome'), 'check', '--error-on-warnings', '--max-diagnostics=none', '--diagnostic-level=warn', '.'],
  },
  { name: 'dead exports and unused dependencies', command: [tool('knip')] },
  { name: 'generated docs up to date', command: [process.execPath, 'scripts/run-ts.mjs', DOCS, '--check'] },
];

/**
 * Runs all checks at once and shows them one after the other, each under a heading; a failed one does not stop the others.
 *
 * @returns {Promise<{ passed: number, failed: number }>}
 */
export async function runChecks() {
  const checks = CHECKS.filter(({ command }) => !command.includes(DOCS) || existsSync(join(repository, DOCS)));
  const started = checks.map(({ name, command }) => ({ name, child: start(command, { limitMs: LIMIT_MS }) }));
  const results = [];
  for (const { name, child } of started) {
    console.log(`\n-- ${name}`);
    await child.show();
    const { code, seconds } = await child.ended;
    console.log(`${code === 0 ? 'ok' : 'FAILED'} (${seconds.toFixed(1)} s)`);
    results.push(code === 0);
  }
  results.push(checkLicences());
  const passed = results.filter(Boolean).length;
  return { passed, failed: results.length - passed };
}

function checkLicences() {
  console.log('\n-- licence lines');
  const files = filesWithoutLicence(repository);
  for (const file of files)
    console.log(`${file}: the first line is not "// SPDX-License-Identifier: AGPL-3.0-or-later"`);
  console.log(files.length === 0 ? 'ok' : 'FAILED');
  return files.length === 0;
}
