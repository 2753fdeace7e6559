// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * What stands in /opt/backup/bin: answers `--version` itself, and hands everything else to the program in /opt/backup/lib.
 * Node compiles the whole of a file before it runs a line of it: with a program of 4 MB that takes longer than Node's own start.
 *
 * The program is told its own path as its name (`process.argv[1]`): it starts itself again in places where only that file is.
 */
export function launcher(name: string, version: string): string {
  return `#!/usr/bin/node
// SPDX-License-Identifier: AGPL-3.0-or-later
'use strict';
const [, , first, second] = process.argv;
if (second === undefined && (first === '--version' || first === '-V')) {
  process.stdout.write('${name} Version ${version}\\n');
} else {
  process.argv[1] = require.resolve('../lib/${name}.cjs');
  require(process.argv[1]);
}
`;
}
