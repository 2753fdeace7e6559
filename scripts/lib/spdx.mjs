// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const LINE = 'SPDX-License-Identifier: AGPL-3.0-or-later';
const SOURCE = /\.(?:ts|mjs|sh|grit)$/;
/** Not ours, not written by hand, input of tests that must stay as it is, or examples that anybody may copy. */
const LEFT_OUT = new Set(['.git', 'node_modules', 'dist', 'demo-run', 'fixtures', 'examples']);

/**
 * Source files whose first line (second after `#!`) does not name the licence.
 *
 * @param {string} repository
 */
export function filesWithoutLicence(repository) {
  return [...sources(repository)]
    .filter((file) => {
      const lines = readFileSync(file, 'utf8').split('\n', 2);
      return !lines[lines[0]?.startsWith('#!') ? 1 : 0]?.includes(LINE);
    })
    .map((file) => relative(repository, file));
}

/**
 * @param {string} folder
 * @returns {Generator<string>}
 */
function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (LEFT_OUT.has(entry.name)) continue;
    if (entry.isDirectory()) yield* sources(join(folder, entry.name));
    else if (SOURCE.test(entry.name)) yield join(folder, entry.name);
  }
}
