// SPDX-License-Identifier: AGPL-3.0-or-later
import { reportError, tolerateClosedOutput } from '@local-backup/common/command-line';
import { createProgram } from './cli/program.ts';
import { exitCodeFor, pluginLine } from './cli/report-commands.ts';
import type { GlobalOptions } from './commands/session.ts';

/** A program that lingers though its work is done is ended after this many milliseconds. */
const LINGER_MS = 10_000;

/** Loaded only in a unit that wants it: the program starts fast. */
async function beginHeartbeat(): Promise<void> {
  (await import('@local-backup/common/program')).keepAlive({ json: false });
}

async function main(): Promise<void> {
  tolerateClosedOutput();
  const program = createProgram((exitCode) => {
    process.exitCode = exitCode;
  });
  try {
    const { NOTIFY_FD, NOTIFY_EXTEND } = process.env;
    if ((NOTIFY_FD ?? NOTIFY_EXTEND) !== undefined) await beginHeartbeat();
    await program.parseAsync();
  } catch (error) {
    const { json = false } = program.opts<GlobalOptions>();
    const line = json ? undefined : pluginLine(program.args, error);
    if (line !== undefined) console.log(line);
    process.exitCode = exitCodeFor(program.args, await reportError(error, { json }));
  }
  // Does not keep the program alive: it only ends one that something else keeps alive.
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

void main();
