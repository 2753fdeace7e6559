// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import { checkConfig } from './check.ts';
import { complaintError, formatComplaint } from './complaint.ts';
import { readOptionalConfigFile } from './file.ts';
import { LOG_LEVELS, type LogLevel } from './log-level.ts';
import { readShellAssignments } from './shell-source.ts';
import { didYouMean } from './suggest.ts';
import { toolVariables } from './tools.ts';
import { absolutePath, mailAddress } from './values.ts';

/** Where the original keeps it. Optional for us. */
export const COMMON_CONFIG_FILE = '/etc/backup/common_config';

/** Defaults for this machine, from the file that the original's shell scripts share. */
export interface CommonConfig {
  readonly adminEmail: string | undefined;
  readonly pluginDir: string | undefined;
  readonly minFreeSpaceMb: number | undefined;
  readonly keepDays: number | undefined;
  readonly logLevel: LogLevel | undefined;
  /** `X_CMD` settings as they are written; see tools.ts. */
  readonly commands: Readonly<Record<string, unknown>>;
  /** About settings that nobody knows. */
  readonly warnings: readonly string[];
}

/** A number in a shell file is text. Empty counts as not set. */
function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return z
    .string()
    .refine((text) => text === '' || isWithin(text, min, max), `must be a whole number ${range}`)
    .transform((text) => (text === '' ? undefined : Number(text)))
    .optional()
    .meta({ 'x-type': 'whole number' });
}

function isWithin(text: string, min: number, max: number): boolean {
  return /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max;
}

/** The settings of common_config. */
export const commonConfigSchema = z.object({
  DEFAULT_ADMIN_EMAIL: z
    .union([z.literal(''), mailAddress])
    .optional()
    .describe('Who gets mail about failures, where the YAML file does not say.')
    .meta({ 'x-type': 'mail address', examples: ['admin@example.org'] }),
  DEFAULT_PLUGIN_DIR: z
    .union([z.literal(''), absolutePath])
    .optional()
    .describe('Directory with plugins of your own.')
    .meta({
      'x-type': 'absolute path',
      'x-default': '`/opt/backup/lib/plugins`',
      examples: ['/opt/backup/lib/plugins'],
    }),
  DEFAULT_MIN_FREE_SPACE_MB: wholeNumber(0)
    .describe('Free space that has to be left in `base_backup_dir`, in MiB.')
    .meta({ 'x-default': '500', examples: ['500'] }),
  DEFAULT_KEEP_DAYS: wholeNumber(1)
    .describe('Days after which archives in the spool are deleted, where client_config.yml does not say.')
    .meta({ examples: ['7'] }),
  LOG_LEVEL: wholeNumber(0, 3)
    .describe('How much is logged: 0 errors, 1 also warnings, 2 also what is being done, 3 everything.')
    .meta({ 'x-default': '2', examples: ['2'] }),
  ...toolVariables,
});

/**
 * What the text of a common_config file says.
 * @throws BackupError `config` that lists all complaints
 */
export function parseCommonConfig(
  text: string,
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): CommonConfig {
  const source = readShellAssignments(text, file, environment);
  const checked = checkConfig(source, commonConfigSchema);
  const complaints = [...source.complaints, ...(checked.ok ? [] : checked.complaints)];
  if (!checked.ok || complaints.length > 0) throw complaintError(file, complaints);
  const { value } = checked;
  const known = Object.keys(commonConfigSchema.shape);
  const unknown = Object.keys(source.value as object).filter((key) => !known.includes(key));
  return {
    adminEmail: value.DEFAULT_ADMIN_EMAIL || undefined,
    pluginDir: value.DEFAULT_PLUGIN_DIR || undefined,
    minFreeSpaceMb: value.DEFAULT_MIN_FREE_SPACE_MB,
    keepDays: value.DEFAULT_KEEP_DAYS,
    logLevel: value.LOG_LEVEL === undefined ? undefined : LOG_LEVELS[value.LOG_LEVEL],
    commands: value,
    warnings: unknown.map((key) => {
      const message = `no setting of this program, ignored.${didYouMean(key, known)}`;
      return formatComplaint({ file, ...source.locate([key], 'key'), path: [key], message });
    }),
  };
}

/** Reads the file where there is one; it has to be protected like any other configuration file. */
export async function loadCommonConfig(
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<CommonConfig> {
  return parseCommonConfig((await readOptionalConfigFile(file)) ?? '', file, environment);
}
