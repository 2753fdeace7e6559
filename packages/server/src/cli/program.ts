// SPDX-License-Identifier: AGPL-3.0-or-later
import { VERSION } from '@local-backup/common/version';
import { Command } from 'commander';
import type { GlobalOptions } from '../commands/session.ts';
import { addCareCommands } from './care-commands.ts';
import { addConfigCommands } from './config-commands.ts';
import { addDrillCommands } from './drill-commands.ts';
import { addHistoryCommands } from './history-commands.ts';
import { addReportCommands } from './report-commands.ts';
import { addRunCommands } from './run-commands.ts';
import type { Start } from './start.ts';
import { addUpkeepCommands } from './upkeep-commands.ts';

const EPILOGUE = `
Examples:
  backup-server config sample            a configuration to start from, every option explained
  backup-server init web1                repository, host key, and what has to be done on web1
  backup-server check                    look at everything that a run relies on, change nothing
  backup-server backup --dry-run         tell what a run would fetch
  backup-server backup web1 -v           back up one host now, and tell everything
  backup-server status                   how every host is; a check plugin as well
  backup-server runs show                what happened in the last run, whole
  backup-server find '*.conf'            which snapshots of which hosts hold it
  backup-server forget web1 --dry-run    which snapshots would go, and why the others stay
  backup-server restore web1 --to /root/web1-restored
  backup-server restore web1@2026-11-20 --service shop --to /root/shop
  backup-server restore web1 --service shop --to-host web2    then, on web2: backup-client restore shop --in-place

Exit codes: 0 success, warnings and skipped hosts included; 1 something failed; 2 usage or configuration; 3 another
instance is running; 130 and 143 ended by a signal, everything put back. \`status\` is a check plugin and has others:
0 ok, 1 warning, 2 critical, 3 unknown.`;

/**
 * The command line. Each command is loaded when it is called: `-h` is fast and needs nothing.
 * @param end is told the exit code of the command that was run
 */
export function createProgram(end: (exitCode: number) => void): Command {
  const program = new Command('backup-server')
    .description('Fetches the archives of all hosts, keeps their history, and reports.')
    .option('-c, --config <file>', 'configuration file', '/etc/backup/server_config.yml')
    .option('-v, --verbose', 'tell everything (log level 3)')
    .option('--json', 'results and log lines as JSON; the log goes to standard error')
    .version(`backup-server Version ${VERSION}`, '-V, --version')
    .helpOption('-h, --help')
    .addHelpText('after', EPILOGUE)
    .configureHelp({ showGlobalOptions: true })
    // With --json, lines on standard error are JSON too: reportError says it.
    .configureOutput({ outputError: (text, write) => (program.opts<GlobalOptions>().json ? undefined : write(text)) })
    .exitOverride();
  const start: Start = async (work, { mailBrokenConfig, command } = { mailBrokenConfig: false }) => {
    const global = program.opts<GlobalOptions>();
    const { withSession } = await import('../commands/session.ts');
    const mail = async (error: unknown) => {
      if (mailBrokenConfig)
        await (await import('../commands/broken-config-mail.ts')).mailBrokenConfig(global, error, command);
    };
    end(await withSession(global, work, mail));
  };
  addRunCommands(program, start);
  addReportCommands(program, start);
  addHistoryCommands(program, start);
  addDrillCommands(program, start);
  addUpkeepCommands(program, start);
  addCareCommands(program, start);
  addConfigCommands(program, start);
  return program;
}
