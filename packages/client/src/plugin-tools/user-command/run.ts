// SPDX-License-Identifier: AGPL-3.0-or-later
import { quoteLastLines } from '@local-backup/common/exec-failure';
import type { PluginContext } from '../../plugin.ts';
import { environmentOf, type UserCommandOptions, type Words } from './options.ts';

type Context = PluginContext<UserCommandOptions>;

/** Where a command is run. */
export interface Where {
  /** Of `run`; the other commands start in `/`, because they may be called long after the stage is gone. */
  readonly cwd?: string;
  readonly stdoutTo?: number;
}

/**
 * Runs a command of the user's: a list as it stands; a string is a line for `sh`, because that is what the user wrote.
 * What it writes to standard error goes into the log.
 * @throws BackupError `failed`
 */
export async function runUserCommand(context: Context, words: Words, where: Where = {}): Promise<void> {
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
