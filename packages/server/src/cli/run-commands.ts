// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Command } from 'commander';
import type { Start } from './start.ts';

/** Commands that back up, and what has to be there for it. */
export function addRunCommands(program: Command, start: Start): void {
  program
    .command('backup [host...]')
    .description('back up all hosts, or those that are named')
    .option('-d, --dry-run', 'tell what would be fetched; fetch, store, change and send nothing')
    .option('--force', 'store the newest archive of a host even when it, or a newer one, is stored already')
    .option('--save-mail <dir>', 'save every mail as a .eml file as well')
    .option('--wait <time>', 'let another run end first, for so long at most (15m, 2h), instead of exit code 3')
    .action((hosts, options) =>
      start(async (session) => (await import('../commands/backup.ts')).backup(session, hosts, options), {
        mailBrokenConfig: options.dryRun !== true,
      }),
    );
  program
    .command('check [host...]')
    .description('look at everything that a run relies on: files, restic, repositories, logins, spools')
    .option('--send-test-mail', 'send a mail to the admin as well')
    .option('--fix', 'offer to set up each host that something is wrong with: repository, host key, key')
    .action((hosts, options) =>
      start(async (session) => (await import('../commands/check.ts')).check(session, hosts, options)),
    );
  program
    .command('init [host...]')
    .description('create repositories, record host keys, tell what has to be done on the hosts')
    .option(
      '--accept-host-key <fingerprint>',
      'record the key of one host without asking, if it has this SHA256 fingerprint',
    )
    .option('--enable-timers', 'fetch every night, maintain and drill every week: enable and start the timers')
    .action((hosts, options) =>
      start(async (session) => (await import('../commands/init.ts')).init(session, hosts, options)),
    );
}
