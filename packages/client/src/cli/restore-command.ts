// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Command } from 'commander';
import type { GlobalOptions } from '../commands/session.ts';

const HELP = `
Without --from: the newest that the server has sent for this service (backup-server restore HOST --service NAME
--to-host THIS_HOST), else the newest archive in the spool that holds it.

Steps of your own: executables of root in restore.d/ beside the service.yaml, named by a number: 01 to 04 before anything
is stopped, 05 to 09 while the service is stopped, 10 to 79 when its data is back, from 80 on when it is started.
When a step fails, the state before is put back. docs/guide/client-restore.md has all of it.`;

/** `backup-client restore`. */
export function addRestoreCommand(program: Command, global: () => GlobalOptions, print: (text: string) => void): void {
  program
    .command('restore [service]')
    .description('put a service back as it was saved, or its files into a directory')
    .option('--from <source>', 'a directory with a copy, an archive, or a file that the server has sent')
    .option('--in-place', 'replace what is there; it is kept aside')
    .option('--as <name>', 'restore under another name, beside what is there')
    .option('--to <dir>', 'only the files, into a directory that is empty or does not exist yet')
    .option('--only <task>', 'only this task of the service')
    .option('--saved-config', 'go by the service.yaml in the copy, not by the one of this host')
    .option('-d, --dry-run', 'show the plan and check the copy, change nothing')
    .option('-y, --yes', 'do not ask; needed where there is no terminal')
    .option('--list-kept', 'list what earlier restores have replaced and kept')
    .addHelpText('after', HELP)
    .action(async (service, options) =>
      (await import('../commands/restore.ts')).restoreCommand(global(), service, options, print),
    );
}
