// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { definePlugin, type PluginContext } from '../../plugin.ts';
import { runUserCommand } from '../../plugin-tools/user-command/run.ts';
import { validateCommands } from '../../plugin-tools/user-command/validate.ts';
import { type CommandOptions, options } from './options.ts';

type Context = PluginContext<CommandOptions>;

/** Saves what a command prints or writes: the escape hatch for everything that has no plugin of its own. */
export const command = definePlugin<CommandOptions>({
  name: 'command',
  summary: 'Saves what a command of yours prints, or the files that it writes.',
  options,

  describe({ run, stdout }) {
    const line = typeof run === 'string' ? run : run.join(' ');
    return stdout === undefined ? `files that \`${line}\` writes` : `what \`${line}\` prints, as ${stdout}`;
  },

  async validate(context) {
    const { before, run, after } = context.options;
    return validateCommands({ before, run, after }, context);
  },

  async prepare(context) {
    if (context.options.before === undefined) return;
    // `after` has to run even when `before` is killed half-way.
    await context.remember({ begun: true });
    await runUserCommand(context, context.options.before);
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
    await runUserCommand(context, context.options.after);
  },
});

async function runForFiles(context: Context, directory: string): Promise<void> {
  await runUserCommand(context, context.options.run, { cwd: directory });
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
    await runUserCommand(context, context.options.run, { cwd: directory, stdoutTo: output.fd });
  } catch (error) {
    // Half a dump must not be taken for a whole one.
    await rm(file, { force: true });
    throw error;
  } finally {
    await output.close();
  }
  if ((await stat(file)).size > 0 || context.options.allow_empty) return;
  await rm(file);
  throw new BackupError(
    'failed',
    'The command ended without error but printed nothing. Set `allow_empty: true` if that is a good result.',
  );
}
