// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Makes sure that what this repository needs is installed, and says what it installs. Quick when everything is there.
 *
 *     node scripts/ensure-dependencies.mjs         npm dependencies
 *     node scripts/ensure-dependencies.mjs demo    and the Debian packages that the demo needs; so for test and bench
 */
import { ensureNpmDependencies } from './lib/npm-dependencies.mjs';
import { repository } from './lib/repository.mjs';
import { ensureSystemPackages, isPurpose } from './lib/system-packages.mjs';

/** What vite, which the tests run on, asks for; the programs themselves run on 18.19. */
function ensureNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Error(`Node 20.19 or newer is needed to build and test; this is ${process.version} (${process.execPath}).`);
}

const [purpose] = process.argv.slice(2);
try {
  ensureNode();
  ensureNpmDependencies(repository);
  if (purpose !== undefined) {
    if (!isPurpose(purpose)) throw new Error(`Nobody has written down what "${purpose}" needs.`);
    ensureSystemPackages(purpose);
  }
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
