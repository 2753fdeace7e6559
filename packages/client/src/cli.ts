// SPDX-License-Identifier: AGPL-3.0-or-later
import { cpus } from 'node:os';
import { reportError, tolerateClosedOutput } from '@local-backup/common/command-line';
import { sizeThreadPool } from '@local-backup/common/thread-pool';
import { createProgram } from './cli/program.ts';
import type { GlobalOptions } from './commands/session.ts';

/** Loaded only in a unit that wants it: the program starts fast. */
async function beginHeartbeat(): Promise<void> {
  (await import('@local-backup/common/program')).keepAlive({ json: false });
}

async function main(): Promise<void> {
  tolerateClosedOutput();
  sizeThreadPool(cpus().length);
  const program = createProgram();
  try {
    const { NOTIFY_FD, NOTIFY_EXTEND } = process.env;
    if ((NOTIFY_FD ?? NOTIFY_EXTEND) !== undefined) await beginHeartbeat();
    await program.parseAsync();
  } catch (error) {
    process.exitCode = await reportError(error, { json: program.opts<GlobalOptions>().json ?? false });
  }
}

void main();
