// SPDX-License-Identifier: AGPL-3.0-or-later
/** Everything that can be said about the source without running it. Ends with 1 when a check fails. */
import { runChecks } from './lib/checks.mjs';

const { passed, failed } = await runChecks();
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
