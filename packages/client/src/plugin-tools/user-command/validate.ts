// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { findProgram, searchPathOf } from '@local-backup/common/find-program';
import type { PluginContext } from '../../plugin.ts';
import { environmentOf, type UserCommandOptions, type Words } from './options.ts';

type Context = PluginContext<UserCommandOptions>;

/** `sh` only reads the line. */
const SYNTAX_TIMEOUT_MS = 30_000;

/**
 * Finds out before anything is stopped whether the commands can be started: programs that are not installed, lines that
 * `sh` does not understand. Nothing is run.
 * @param commands by their keys
 * @returns what is worth a warning
 * @throws BackupError `config` with all complaints
 */
export async function validateCommands(
  commands: Readonly<Record<string, Words | undefined>>,
  context: Context,
): Promise<readonly string[]> {
  const complaints: string[] = [];
  const warnings: string[] = [];
  for (const [key, command] of Object.entries(commands)) {
    if (command === undefined) continue;
    const complaint =
      typeof command === 'string' ? await syntaxError(command, context) : await missing(command, context);
    if (complaint !== undefined) complaints.push(`${key}: ${complaint}`);
    else if (typeof command === 'string' && hasPipe(command)) warnings.push(`${key}: ${PIPE_WARNING}`);
  }
  if (complaints.length > 0) throw new BackupError('config', complaints.join('\n'));
  return warnings;
}

const PIPE_WARNING =
  'of a pipe only the last command counts: where an earlier one fails, half its output is saved as success. Write ' +
  "[bash, -o, pipefail, -c, '...'] instead.";

async function missing([program = '']: readonly string[], context: Context): Promise<string | undefined> {
  const environment = environmentOf(context.options, context.service);
  if (program.includes('/') && !program.startsWith('/'))
    return `${program} is a relative path: write it from the root, or only its name.`;
  if ((await findProgram(program, environment)) !== undefined) return undefined;
  if (program.startsWith('/')) return `${program} is no file that can be executed. Install it, or chmod +x.`;
  return `${program} not found in ${searchPathOf(environment)}. Install it or write its whole path.`;
}

async function syntaxError(line: string, context: Context): Promise<string | undefined> {
  try {
    const env = environmentOf(context.options, context.service);
    await context.exec('sh', ['-n', '-c', line], {
      env,
      cwd: '/',
      timeoutMs: SYNTAX_TIMEOUT_MS,
      signal: context.signal,
    });
    return undefined;
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return `not a command line of \`sh\`: ${error.message}`;
  }
}

/** True where a shell line holds a pipe of its own, outside quotes, that `pipefail` does not watch. */
export function hasPipe(line: string): boolean {
  if (/\bpipefail\b/.test(line)) return false;
  const bare = line.replace(/\\.|'[^']*'|"(?:\\.|[^"\\])*"/gs, '');
  return /(?<![|>])\|(?!\|)/.test(bare);
}
