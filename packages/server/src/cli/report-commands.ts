// SPDX-License-Identifier: AGPL-3.0-or-later
import { isCommanderError } from '@local-backup/common/command-line';
import { describeError } from '@local-backup/common/errors';
import type { Command } from 'commander';
import type { Start } from './start.ts';

const STATUS_HELP = `
The first line and the exit code are those of a check plugin (Nagios, Icinga, Zabbix):
0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN: the configuration or the records cannot be read.`;

const RUNS_HELP = `
Examples:
  backup-server runs --hours 24              what ran since yesterday
  backup-server runs show                    the newest run, whole
  backup-server runs show -2                 the third-last run (-0 is the newest)
  backup-server runs show --command backup --host web1
                                             what happened to web1 in its last backup`;

/** Commands that tell how things are. */
export function addReportCommands(program: Command, start: Start): void {
  program
    .command('status [host...]')
    .description('how every host is: its last backup, drill and maintenance; a check plugin as well')
    .addHelpText('after', STATUS_HELP)
    .action((hosts) => start(async (session) => (await import('../commands/status.ts')).status(session, hosts)));
  const runs = program
    .command('runs')
    .description('what ran when, and how it went, newest first')
    .option('--host <name>', 'only runs that had to do with this host, and of them only this host')
    .option('--command <name>', 'only runs of this command: backup, maintenance, drill ...')
    .option('--hours <n>', 'only runs that were started within the last n hours')
    .option('--count <n>', 'this many runs at most; with show, from the chosen one towards older ones')
    .addHelpText('after', RUNS_HELP)
    .action((options) => start(async (session) => (await import('../commands/runs.ts')).runs(session, options)));
  runs
    .command('show [run]')
    .description('one run whole: its id, the beginning of that, or -N for the one N before the newest')
    // `-2` looks like an option; what is none of ours is refused when it is no run.
    .allowUnknownOption()
    .action((run = '-0', _, command: Command) =>
      start(async (session) => (await import('../commands/runs.ts')).showRuns(session, run, command.optsWithGlobals())),
    );
}

/** Exit code of a check plugin that cannot say anything. */
const UNKNOWN = 3;
/** Exit codes of the program for which a check plugin has that one. */
const NOTHING_SAID: readonly number[] = [1, 2];

/**
 * The exit code for an error. `status` is a check plugin: what keeps it from its work must not pass for a warning or an
 * alarm about hosts.
 * @param words the command line without global options
 */
export function exitCodeFor(words: readonly string[], code: number): number {
  return words[0] === 'status' && NOTHING_SAID.includes(code) ? UNKNOWN : code;
}

/** What `status` prints for a check plugin when it has failed; nothing for other commands. */
export function pluginLine(words: readonly string[], error: unknown): string | undefined {
  if (words[0] !== 'status') return undefined;
  const usage = isCommanderError(error) ? error : undefined;
  if (usage?.exitCode === 0) return undefined;
  const text = usage === undefined ? describeError(error) : usage.message.replace(/^error: /, '');
  return `UNKNOWN: ${text.split('\n')[0]?.replaceAll('|', '/')}`;
}
