// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Command } from 'commander';
import type { Start } from './start.ts';

/** Commands that tell how things are. */
export function addReportCommands(program: Command, start: Start): void {
  program
    .command('status')
    .description('how old the newest good snapshot of every host is; exit code 1 when something is not in order')
    .action(() => start(async (session) => (await import('../commands/status.ts')).status(session)));
}
