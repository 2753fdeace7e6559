// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Command } from 'commander';
import type { Start } from './start.ts';

/** Commands that prove that what is stored can be restored. */
export function addDrillCommands(program: Command, start: Start): void {
  program
    .command('drill [host...]')
    .description(
      'restore snapshots into a scratch directory, compare every file with what was saved, remove them again',
    )
    .option('--save-mail <dir>', 'save every mail as a .eml file as well')
    .action((hosts, options) =>
      start(async (session) => (await import('../commands/drill.ts')).drill(session, hosts, options), {
        mailBrokenConfig: true,
        command: 'drill',
      }),
    );
}
