// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';

/** A command of the user's: a list of words is run as it stands, a string is a line for `sh`. */
export const words = z.union([z.string().min(1), z.array(z.string()).min(1)]);

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

/** The `environment` key of tasks that run commands of the user's. */
export const environment = z
  .record(variableName, variableValue)
  .default({})
  .describe('Environment variables. No place for passwords: let the command read them from a file of mode 0600.');

export type Words = z.infer<typeof words>;

/** What the options of every such task have. */
export interface UserCommandOptions {
  /** Of each command, in milliseconds. */
  readonly timeout: number;
  readonly environment: Readonly<Record<string, string>>;
}

/** What is added to the environment of all commands of a task. */
export function environmentOf(
  { environment: own }: UserCommandOptions,
  service: { readonly name: string; readonly configDirectory: string },
): Record<string, string> {
  return { BACKUP_SERVICE: service.name, BACKUP_CONFIG_DIRECTORY: service.configDirectory, ...own };
}
