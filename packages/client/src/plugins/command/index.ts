// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { quoteLastLines } from '@local-backup/common/exec-failure';
import { definePlugin, type PluginContext } from '../../plugin.ts';
import { type CommandOptions, environmentOf, options } from './options.ts';
import { validateCommands } from './validate.ts';

type Context = PluginContext<CommandOptions>;

/** Saves what a command prints or writes: the escape hatch for everything that has no plugin of its own. */
export const command = definePlugin<CommandOptions>({
  name: 'command',
  summary: 'Saves what a command of yours prints, or the files that it writes.',
  options,

  validate: validateCommands,

  async prepare(context) {
    if (context.options.before === undefined) return;
    // `after` has to run even when `before` is killed half-way.
    await context.remember({ begun: true });
    await execute(context, context.options.before);
  },

  async run(context) {
    const directory = join(context.stage, 'command');
    await mkdir(directory, { mode: 0o700 });
    if (context.options.stdout === undefined) await runForFiles(context, directory);
    else await runForOutput(context, directory, context.options.stdout);
    return {};
  },

  async post(context) {
    if (context.options.after === undefined) return;
    if (context.options.before !== undefined && context.remembered() === undefined) return;
    await execute(context, context.options.after);
  },
});

async function runForFiles(context: Context, directory: string): Promise<void> {
  await execute(context, context.options.run, { cwd: directory });
  if ((await readdir(directory)).length > 0 || context.options.allow_empty) return;
  throw new BackupError(
    'failed',
    'The command ended without error but wrote no file into its working directory (also in $BACKUP_STAGE). ' +
      'Set `stdout: NAME` to save what it prints, or `allow_empty: true` if nothing is a good result.',
  );
}

async function runForOutput(context: Context, directory: string, name: string): Promise<void> {
  const file = join(directory, name);
  const output = await open(file, 'wx', 0o600);
  try {
    await execute(context, context.options.run, { cwd: directory, stdoutTo: output.fd });
  } catch (error) {
    // Half a dump must not be taken for a whole one.
    await unlink(file);
    throw error;
  } finally {
    await output.close();
  }
  if ((await stat(file)).size > 0 || context.options.allow_empty) return;
  await unlink(file);
  throw new BackupError(
    'failed',
    'The command ended without error but printed nothing. Set `allow_empty: true` if that is a good result.',
  );
}

interface Where {
  /** Of `run`; the other commands start in `/`, because they may be called long after the stage is gone. */
  readonly cwd?: string;
  readonly stdoutTo?: number;
}

/** A list is run as it stands; a string is a line for `sh`, because that is what the user wrote. */
async function execute(context: Context, words: string | readonly string[], where: Where = {}): Promise<void> {
  const [program = 'sh', ...args] = typeof words === 'string' ? ['sh', '-c', words] : words;
  const { stderr } = await context.exec(program, args, {
    cwd: '/',
    ...where,
    env: {
      ...(where.cwd === undefined ? {} : { BACKUP_STAGE: where.cwd }),
      ...environmentOf(context.options, context.service),
    },
    timeoutMs: context.options.timeout,
    limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml',
    signal: context.signal,
  });
  // Secrets are removed by the log.
  const said = quoteLastLines(stderr, (text) => text);
  if (said !== '') context.log.info(`${program} succeeded, and wrote to standard error:${said}`);
}
