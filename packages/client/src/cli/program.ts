// SPDX-License-Identifier: AGPL-3.0-or-later
import { VERSION } from '@local-backup/common/version';
import { Command } from 'commander';
import type { GlobalOptions } from '../commands/session.ts';
import { addInitCommand } from './init-command.ts';
import { addPluginCommands } from './plugin-commands.ts';
import { addRestoreCommand } from './restore-command.ts';

const EPILOGUE = `
Examples:
  backup-client check                    find every mistake in the configuration, change nothing
  backup-client backup --dry-run         tell what a run would do
  backup-client backup -v                run now, and tell everything
  backup-client verify web1-20261121_030000.tar.gz
  backup-client restore shop --in-place --dry-run    tell what putting a service back would do

Services are described by /etc/backup/<type>/<name>/service.yaml; \`backup-client config sample service.yaml\` prints one to
begin with. Exit codes: 0 success or warnings, 1 something failed, 2 usage or configuration, 3 another instance is
running, 130 and 143 ended by a signal, everything put back.`;

function print(text: string): void {
  process.stdout.write(text);
}

/** The command line. Each command is loaded when it is called: the program starts fast. */
export function createProgram(): Command {
  const program = new Command('backup-client')
    .description('Saves the services of this host into one verified archive, which the backup server fetches.')
    .option('-c, --config <file>', 'configuration file', '/etc/backup/client_config.yml')
    .option('-v, --verbose', 'tell everything (log level 3)')
    .option('--json', 'log lines and lists as JSON')
    .version(`backup-client Version ${VERSION}`, '-V, --version')
    .helpOption('-h, --help')
    .addHelpText('after', EPILOGUE)
    .exitOverride();
  const global = () => program.opts<GlobalOptions>();
  program
    .command('backup')
    .description('save all services and publish the archive')
    .option('-s, --service <name...>', 'only these services, by name or type/name')
    .option('-d, --dry-run', 'tell what would be done, change nothing')
    .option('--wait <time>', 'let another run end first, for so long at most (15m, 2h), instead of exit code 3')
    .action(async (options) => (await import('../commands/backup.ts')).backupCommand(global(), options, print));
  program
    .command('check')
    .description('check the configuration and every service, change nothing')
    .action(async () => (await import('../commands/check.ts')).checkCommand(global(), print));
  program
    .command('list')
    .description('list the archives in the spool')
    .action(async () => (await import('../commands/list.ts')).listCommand(global(), print));
  program
    .command('verify <archive>')
    .description('read an archive back and compare it with its entry list')
    .action(async (archive) => (await import('../commands/verify.ts')).verifyCommand(global(), archive, print));
  program
    .command('recover')
    .description('undo what a killed run has left: start services, remove the spool lock')
    .option('--done <type/name>', 'forget what has to be undone of a service: it was put back by hand')
    .action(async (options) => (await import('../commands/recover.ts')).recoverCommand(global(), options, print));
  addRestoreCommand(program, global, print);
  addInitCommand(program, global, print);
  addConfigCommands(program, global);
  addPluginCommands(program, global, print);
  return program;
}

function addConfigCommands(program: Command, global: () => GlobalOptions): void {
  const config = program.command('config').description('show the configuration, or samples of its files');
  config
    .command('sample [file]')
    .description('print a commented sample: client_config.yml (the default), service.yaml, common_config')
    .action(async (file?: string) => (await import('../commands/config.ts')).configSample(file, print));
  config
    .command('show')
    .description('print what counts after all files and defaults have been merged')
    .action(async () => {
      const { openConfig } = await import('../commands/session.ts');
      (await import('../commands/config.ts')).configShow(await openConfig(global()), print);
    });
}
