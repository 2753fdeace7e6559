// SPDX-License-Identifier: AGPL-3.0-or-later
import { reportError } from '@local-backup/common/command-line';
import { VERSION } from '@local-backup/common/version';
import { Command } from 'commander';
import { addConfigCommands } from './cli/config-commands.ts';
import { addHistoryCommands } from './cli/history-commands.ts';
import { addReportCommands } from './cli/report-commands.ts';
import { addRunCommands } from './cli/run-commands.ts';
import type { Start } from './cli/start.ts';
import type { GlobalOptions } from './commands/session.ts';

const EPILOGUE = `
Examples:
  backup-server config sample            a configuration to start from, every option explained
  backup-server init web1                repository, host key, and what has to be done on web1
  backup-server check                    look at everything that a run relies on, change nothing
  backup-server backup --dry-run         tell what a run would fetch
  backup-server backup web1 -v           back up one host now, and tell everything
  backup-server status                   how old the newest good snapshot of every host is
  backup-server restore web1 --to /root/web1-restored

Exit codes: 0 success, warnings and skipped hosts included; 1 something failed, or with \`status\` is not in order;
2 usage or configuration; 3 another instance is running; 130 and 143 ended by a signal, everything put back.`;

/** A program that lingers though its work is done is ended after this many milliseconds. */
const LINGER_MS = 10_000;

/** The command line. Each command is loaded when it is called: `-h` is fast and needs nothing. */
function createProgram(): Command {
  const program = new Command('backup-server')
    .description('Fetches the archives of all hosts, keeps their history, and reports.')
    .option('-c, --config <file>', 'configuration file', '/etc/backup/server_config.yml')
    .option('-v, --verbose', 'tell everything (log level 3)')
    .option('--json', 'results and log lines as JSON; the log goes to standard error')
    .version(`backup-server Version ${VERSION}`, '-V, --version')
    .helpOption('-h, --help')
    .addHelpText('after', EPILOGUE)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  const start: Start = async (work, { mailBrokenConfig } = { mailBrokenConfig: false }) => {
    const global = program.opts<GlobalOptions>();
    const { withSession } = await import('./commands/session.ts');
    const mail = async (error: unknown) => {
      if (mailBrokenConfig) await (await import('./commands/broken-config-mail.ts')).mailBrokenConfig(global, error);
    };
    process.exitCode = await withSession(global, work, mail);
  };
  addRunCommands(program, start);
  addReportCommands(program, start);
  addHistoryCommands(program, start);
  addConfigCommands(program, start);
  return program;
}

async function main(): Promise<void> {
  const program = createProgram();
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = await reportError(error, { json: program.opts<GlobalOptions>().json ?? false });
  }
  // Does not keep the program alive: it only ends one that something else keeps alive.
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

void main();
