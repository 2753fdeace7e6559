// SPDX-License-Identifier: AGPL-3.0-or-later
import { duration } from '@local-backup/common/config/values';
import * as z from 'zod';

const words = z.union([z.string().min(1), z.array(z.string()).min(1)]);

/**
 * Names of environment variables that hold secrets. What a command gets this way, it may print, and so it ends up in
 * mails, records and the manifest. A name that says where a secret is (`PGPASSFILE`, `X_PASSWORD_FILE`) is none.
 */
const SECRET_NAME = /PASSWORD|PASSWD|PASSPHRASE|TOKEN|SECRET|CREDENTIAL|(?:^|_)(?:KEY|PASS|AUTH)$|_PWD$|APIKEY/i;
const PLACE_NAME = /(?:FILE|PATH|DIR|CREDENTIALS|COMMAND)$/i;

/** `postgresql://user:password@host`, in a value. */
const PASSWORD_IN_ADDRESS = /:\/\/[^/\s:@]*:[^/\s@]+@/;

const ADVICE = 'let the command read it from a file of mode 0600, as root';

const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a variable: letters, digits, `_`')
  .refine((name) => !SECRET_NAME.test(name) || PLACE_NAME.test(name), `looks like a secret: ${ADVICE}`);

const variableValue = z
  .string()
  .refine((value) => !PASSWORD_IN_ADDRESS.test(value), `must not hold a password: ${ADVICE}`);

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
  environment: z
    .record(variableName, variableValue)
    .default({})
    .describe('Environment variables. No place for passwords: let the command read them from a file of mode 0600.'),
  allow_empty: z.boolean().default(false).describe('Accept that the command prints or writes nothing at all.'),
});

export type CommandOptions = z.infer<typeof options>;

/** What is added to the environment of all commands of a task. */
export function environmentOf(
  { environment }: CommandOptions,
  service: { readonly name: string; readonly configDirectory: string },
): Record<string, string> {
  return { BACKUP_SERVICE: service.name, BACKUP_CONFIG_DIRECTORY: service.configDirectory, ...environment };
}
