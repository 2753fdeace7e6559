// SPDX-License-Identifier: AGPL-3.0-or-later
'use strict';
/*
 * Answers for the stand-ins of a test file: starting Node for each of their calls would take longer than all else. Ends
 * with the process that has started it. A request is a list of texts: module, directory, program, working directory,
 * arguments; the module exports a function of them, which returns what the program prints and its exit code, or
 * undefined where it hangs.
 */
const { rmSync } = require('node:fs');
const { createServer } = require('node:net');
const { dirname } = require('node:path');

const socket = process.argv[2];

function answer(request) {
  const [module, home, program, cwd, ...words] = request.split('\0');
  try {
    return require(module)({ home, program, cwd, words });
  } catch (error) {
    return { code: 70, stdout: '', stderr: `stand-in: ${error.stack}\n` };
  }
}

const server = createServer({ allowHalfOpen: true }, (client) => {
  const parts = [];
  client.on('error', () => client.destroy());
  client.on('data', (part) => parts.push(part));
  client.on('end', () => {
    const said = answer(Buffer.concat(parts).toString('utf8'));
    if (said === undefined) return;
    client.end(`${said.code}\n${Buffer.byteLength(said.stdout)}\n${said.stdout}${said.stderr}`);
  });
});

server.listen(socket);
process.stdin.resume();
process.stdin.once('close', () => {
  rmSync(dirname(socket), { recursive: true, force: true });
  process.exit(0);
});
