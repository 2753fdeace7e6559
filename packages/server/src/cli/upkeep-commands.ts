// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Command } from 'commander';
import type { Start } from './start.ts';

/** Commands that keep the repositories in order. */
export function addUpkeepCommands(program: Command, start: Start): void {
  program
    .command('maintenance [host...]')
    .description('check the repositories, forget snapshots by policy, free space')
    .option('-d, --dry-run', 'check, and tell what would be forgotten; change and send nothing')
    .option('--save-mail <dir>', 'save every mail as a .eml file as well')
    .option('--wait <time>', 'let another run end first, for so long at most (15m, 2h), instead of exit code 3')
    .action((hosts, options) =>
      start(async (session) => (await import('../commands/maintenance.ts')).maintenance(session, hosts, options), {
        mailBrokenConfig: options.dryRun !== true,
        command: 'maintenance',
      }),
    );
  program
    .command('forget <host>')
    .description('forget snapshots of one host by policy now, under the same conditions as maintenance')
    .option('-d, --dry-run', 'show every snapshot, whether it would be kept, and why')
    .option('--max-share <number>', 'instead of `max_forget_share`, for this once')
    .action((host, options) =>
      start(async (session) => (await import('../commands/forget.ts')).forget(session, host, options)),
    );
  program
    .command('pin <snapshot>')
    .description('never forget this snapshot')
    .requiredOption('--reason <text>', 'for whoever comes upon it later')
    .option('--host <host>', 'whose snapshot it is; without it all hosts are looked at')
    .action((snapshot, options) =>
      start(async (session) => (await import('../commands/pins.ts')).pin(session, snapshot, options)),
    );
  program
    .command('unpin <snapshot>')
    .description('leave it to the policy again')
    .option('--host <host>', 'whose snapshot it is')
    .action((snapshot, options) =>
      start(async (session) => (await import('../commands/pins.ts')).unpin(session, snapshot, options)),
    );
  program
    .command('release [host...]')
    .description('let things be forgotten again for a host that was marked suspicious')
    .option('-y, --yes', 'somebody has looked already: do not ask')
    .option('--clock', 'believe the clock of this server again after it has jumped')
    .action((hosts, options) =>
      start(async (session) => (await import('../commands/release.ts')).release(session, hosts, options)),
    );
  addRepairCommands(
    program.command('repair').description('mend a damaged repository, step by step, never on its own'),
    start,
  );
  program
    .command('pins [host...]')
    .description('list the snapshots that are never forgotten')
    .action((hosts) => start(async (session) => (await import('../commands/pins.ts')).pins(session, hosts)));
}

function addRepairCommands(repair: Command, start: Start): void {
  repair
    .command('index <host>')
    .description('write the index of a repository anew from what is stored')
    .option('--read-all-packs', 'read everything, where the index cannot be read at all')
    .option('-y, --yes', 'somebody has read what would be done: do not ask')
    .action((host, options) =>
      start(async (session) => (await import('../commands/repair.ts')).repair(session, 'index', host, options)),
    );
  repair
    .command('snapshots <host>')
    .description('write snapshots anew without what cannot be read (restic 0.16 or newer)')
    .option('-d, --dry-run', 'tell what would be done')
    .option('--forget', 'the damaged snapshots go, once they have been written anew')
    .option('-y, --yes', 'somebody has read what would be done: do not ask')
    .action((host, options) =>
      start(async (session) => (await import('../commands/repair.ts')).repair(session, 'snapshots', host, options)),
    );
}
