// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Command } from 'commander';
import type { GlobalOptions } from '../commands/session.ts';

const HELP = `
Looks for compose projects, database servers, well-known SQLite databases, units of your own, directories with files, and
what other backup programs have left, and writes a commented service.yaml for each, mode 0600. Nothing that is there is
changed, and what a service saves already is not proposed again.

With --server-key alone, only the key is put in.`;

/** `backup-client init`. */
export function addInitCommand(program: Command, global: () => GlobalOptions, print: (text: string) => void): void {
  program
    .command('init')
    .description('look what there is to save on this host, and write the service.yaml files')
    .option('-s, --service <name...>', 'only these proposals, by name or type/name')
    .option('-d, --dry-run', 'print the proposals with their files, write nothing')
    .option('-y, --yes', 'write all of them, do not ask; needed where there is no terminal')
    .option(
      '--admin-email <address>',
      'who gets mail when a run fails; for a client_config.yml that does not exist yet',
    )
    .option('--enable-timer', 'run every night: enable and start local-backup.timer')
    .option('--server-key <key>', 'public key of the backup server, which may then fetch archives')
    .option('--server-address <address...>', 'with --server-key: accept it from these addresses or networks only')
    .addHelpText('after', HELP)
    .action(async (options) => (await import('../commands/init.ts')).initCommand(global(), options, print));
}
