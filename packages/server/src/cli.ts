// SPDX-License-Identifier: AGPL-3.0-or-later
import { reportError } from '@local-backup/common/command-line';
import { VERSION } from '@local-backup/common/version';
import { Command } from 'commander';
import type { GlobalOptions, Session } from './commands/session.ts';

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

type Work = (session: Session) => Promise<number>;
type Start = (work: Work, options?: { readonly mailBrokenConfig: boolean }) => Promise<void>;

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
  addDataCommands(program, start);
  addConfigCommands(program, start);
  return program;
}

function addRunCommands(program: Command, start: Start): void {
  program
    .command('backup [host...]')
    .description('back up all hosts, or those that are named')
    .option('-d, --dry-run', 'tell what would be fetched; fetch, store, change and send nothing')
    .option('--force', 'store the newest archive of a host even when it, or a newer one, is stored already')
    .option('--save-mail <dir>', 'save every mail as a .eml file as well')
    .action((hosts, options) =>
      // Nobody watches a nightly run: what keeps it from beginning goes to the admin by mail.
      start(async (session) => (await import('./commands/backup.ts')).backup(session, hosts, options), {
        mailBrokenConfig: options.dryRun !== true,
      }),
    );
  program
    .command('check [host...]')
    .description('look at everything that a run relies on: files, restic, repositories, logins, spools')
    .action((hosts) => start(async (session) => (await import('./commands/check.ts')).check(session, hosts)));
  program
    .command('init [host...]')
    .description('create repositories, record host keys, tell what has to be done on the hosts')
    .option(
      '--accept-host-key <fingerprint>',
      'record the key of one host without asking, if it has this SHA256 fingerprint',
    )
    .action((hosts, options) =>
      start(async (session) => (await import('./commands/init.ts')).init(session, hosts, options)),
    );
}

function addDataCommands(program: Command, start: Start): void {
  program
    .command('status')
    .description('how old the newest good snapshot of every host is; exit code 1 when something is not in order')
    .action(() => start(async (session) => (await import('./commands/status.ts')).status(session)));
  program
    .command('snapshots [host...]')
    .description('list what is in the repositories')
    .action((hosts) => start(async (session) => (await import('./commands/snapshots.ts')).snapshots(session, hosts)));
  program
    .command('restore <host>')
    .description('put the content of a snapshot into a directory of its own')
    .requiredOption('--to <dir>', 'a directory that is empty or does not exist yet')
    .option('--snapshot <id>', 'id of a snapshot, or latest', 'latest')
    .action((host, options) =>
      start(async (session) => (await import('./commands/restore.ts')).restore(session, host, options)),
    );
}

function addConfigCommands(program: Command, start: Start): void {
  const write = (text: string) => void process.stdout.write(text);
  const config = program.command('config').description('print a sample configuration, or the one that counts');
  config
    .command('sample [file]')
    .description('server_config.yml (the default) or common_config, every option explained')
    .action(async (file) => (await import('./commands/config.ts')).configSample(file, write));
  config
    .command('show')
    .description('what counts after all files and defaults have been merged')
    .action(() =>
      start(async (session) => {
        (await import('./commands/config.ts')).configShow(session.config, write);
        return 0;
      }),
    );
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
