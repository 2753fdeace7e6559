// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Command, Option } from 'commander';
import { DRILL_LEVELS } from '../config/drill-levels.ts';
import type { Start } from './start.ts';

/** Commands that prove that what is stored can be restored. */
export function addDrillCommands(program: Command, start: Start): void {
  program
    .command('drill [host...]')
    .description(
      'restore snapshots into a scratch directory, compare every file with what was saved, remove them again',
    )
    .addOption(
      new Option(
        '--level <level>',
        'how far to go: compare files, or load services as well; default: drill.level',
      ).choices(DRILL_LEVELS),
    )
    .option('--save-mail <dir>', 'save every mail as a .eml file as well')
    .option('--wait <time>', 'let another run end first, for so long at most (15m, 2h), instead of exit code 3')
    .action((hosts, options) =>
      start(async (session) => (await import('../commands/drill.ts')).drill(session, hosts, options), {
        mailBrokenConfig: true,
        command: 'drill',
      }),
    );
  program
    .command('verify-copy', { hidden: true })
    .description('look at a restored service; started by drills, in a cage')
    .action(async () => (await import('../commands/verify-copy.ts')).verifyCopy());
}
