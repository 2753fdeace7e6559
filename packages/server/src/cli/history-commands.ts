// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Command } from 'commander';
import type { Start } from './start.ts';

/** Commands that look into snapshots and restore them. */
export function addHistoryCommands(program: Command, start: Start): void {
  program
    .command('snapshots [host...]')
    .description('list what is in the repositories')
    .action((hosts) => start(async (session) => (await import('../commands/snapshots.ts')).snapshots(session, hosts)));
  program
    .command('restore <host>')
    .description('put the content of a snapshot into a directory of its own')
    .requiredOption('--to <dir>', 'a directory that is empty or does not exist yet')
    .option('--snapshot <id>', 'id of a snapshot, or latest', 'latest')
    .action((host, options) =>
      start(async (session) => (await import('../commands/restore.ts')).restore(session, host, options)),
    );
}
