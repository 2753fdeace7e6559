// SPDX-License-Identifier: AGPL-3.0-or-later
import { duration } from '@local-backup/common/config/values';
import * as z from 'zod';
import { environment, words } from '../../plugin-tools/user-command/options.ts';

export const options = z.strictObject({
  run: words
    .describe(
      'The command. A list of words is run as it stands; a string is run by `sh -c`, and of a pipe in it only the last ' +
        "command counts: write `[bash, -o, pipefail, -c, 'dump | gzip']`, so that a failed dump is a failure.",
    )
    .meta({ examples: [['sqlite3', '/srv/app/app.db', '.dump']] }),
  stdout: z
    .string()
    .regex(/^[^/]+$/, 'must be a file name without a slash')
    .refine((name) => name !== '.' && name !== '..', 'must be a file name')
    .optional()
    .describe(
      'Name of the file that the output of the command is saved in. Without it, the files that the command writes into ' +
        'its working directory are saved.',
    )
    .meta({ examples: ['app.sql'] }),
  before: words.optional().describe('Run first, to make the service quiet.'),
  after: words
    .optional()
    .describe('Run afterwards, always: also when something failed, and by the next run if this one was killed.'),
  timeout: duration({ min: '1s' })
    .prefault('1h')
    .describe('Time limit of each of the three commands. `task_timeout` of client_config.yml may be lower.'),
  environment,
  allow_empty: z.boolean().default(false).describe('Accept that the command prints or writes nothing at all.'),
});

export type CommandOptions = z.infer<typeof options>;
