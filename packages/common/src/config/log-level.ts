// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';

/** The log levels, in the order of their numbers in configuration files: 0 is `error`, 3 is `debug`. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** `log_level` in YAML files. */
export const logLevel = z
  .int()
  .min(0)
  .max(3)
  .transform((level) => LOG_LEVELS[level] ?? 'info')
  .describe('How much is logged: 0 errors, 1 also warnings, 2 also what is being done, 3 everything. `-v` means 3.')
  .meta({ 'x-default': '`LOG_LEVEL` of common_config, else 2', examples: [2] });

/** The level that counts: `-v` before the YAML file before common_config before `info`. */
export function chooseLogLevel(given: {
  readonly verbose: boolean;
  readonly yaml: LogLevel | undefined;
  readonly common: LogLevel | undefined;
}): LogLevel {
  return given.verbose ? 'debug' : (given.yaml ?? given.common ?? 'info');
}
