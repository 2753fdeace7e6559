// SPDX-License-Identifier: AGPL-3.0-or-later
import { checkDuration } from '@local-backup/common/duration';
import * as z from 'zod';

const words = z.union([z.string().min(1), z.array(z.string()).min(1)]);

const duration = z.union([z.string(), z.number()]).superRefine((value, context) => {
  const complaint = checkDuration(value);
  if (complaint !== undefined) context.addIssue({ code: 'custom', message: complaint });
});

export const options = z.strictObject({
  run: words
    .describe('The command. A list of words is run as it stands; a string is run by `sh -c`.')
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
  timeout: duration.default('1h').describe('Time limit of each of the three commands.'),
  environment: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
    .default({})
    .describe('Environment variables. No place for passwords: let the command read them from a file of mode 0600.'),
  allow_empty: z.boolean().default(false).describe('Accept that the command prints or writes nothing at all.'),
});

export type CommandOptions = z.infer<typeof options>;
