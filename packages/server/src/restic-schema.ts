// SPDX-License-Identifier: AGPL-3.0-or-later
import { logLevel } from '@local-backup/common/config/log-level';
import { toolKeys } from '@local-backup/common/config/tools';
import { absolutePath, duration, line, mailAddress, ruleAbout, wordsOf } from '@local-backup/common/config/values';
import * as z from 'zod';
import { forgetPolicy } from './host-schema.ts';

/** Options of `restic backup` that this program sets itself, or that would put a secret where others can read it. */
const OWN_OPTION =
  /^(?:-r|-H|-n|-p|--(?:repo(?:sitory-file)?|password-(?:file|command)|host|tag|time|parent|json|dry-run|force|stdin.*|files-from.*))(?:=|$)/;

const backupOptions = z
  .union([line, z.array(line)])
  .transform((given) => (typeof given === 'string' ? wordsOf(given) : given))
  .refine((words) => !words.some((word) => OWN_OPTION.test(word)), {
    error: ({ input }) =>
      `must not hold \`${(input as string[]).find((word) => OWN_OPTION.test(word))}\`, which this program sets itself`,
  })
  .meta({ 'x-type': 'words, or a list of words' });

const repositoryRoot = z
  .string()
  .regex(
    /^(?:\/[^\0\r\n]*|[a-z0-9]+:[^\0\r\n]+)$/,
    'must be an absolute path or a restic location such as `sftp:user@host:/path`',
  )
  .transform((root) => root.replace(/(?<=[^/:])\/+$/, ''))
  .meta({ 'x-type': 'absolute path or restic location' });

const checkReadData = z
  .union([
    z.boolean(),
    z.string().regex(/^(?:\d+(?:\.\d+)?%|\d+\/\d+|\d+[KMGT])$/, 'must be true, false or a share such as `10%`'),
  ])
  .meta({ 'x-type': 'true, false or a share such as `10%`' });

const maintenanceSchema = z.strictObject({
  forget_policy: forgetPolicy
    .prefault('--keep-daily 7 --keep-weekly 4 --keep-monthly 12 --keep-yearly 3')
    .describe('Which snapshots are kept.'),
  prune: z.boolean().prefault(true).describe('Free the space of snapshots that were forgotten.'),
  check: z.boolean().prefault(true).describe('Check the repositories afterwards.'),
  check_options: line
    .prefault('')
    .describe('More options for `restic check`.')
    .meta({ examples: ['--read-data-subset 10%'] }),
  check_read_data_mode: checkReadData
    .optional()
    .describe('Read back the stored data as well: all of it (true), none, or a share chosen at random.')
    .meta({ 'x-default': 'as `read_data_within_runs` says', examples: ['10%'] }),
  read_data_within_runs: z
    .int()
    .min(1)
    .max(1_000)
    .prefault(12)
    .describe('Each run reads back another part of the stored data, so that all was read within this many runs.'),
  max_duration: duration({ min: '1m' })
    .prefault('12h')
    .describe('No further repository is begun after this time; the next run goes on with those that waited longest.'),
  command_timeout: duration({ min: '1m' })
    .prefault('12h')
    .describe('Time limit for each command on one repository: forget, prune, check.'),
  keep_at_least: z
    .int()
    .min(1)
    .max(1_000)
    .prefault(3)
    .describe('Nothing is forgotten where fewer snapshots of the host would be left.'),
  max_forget_share: z
    .number()
    .gt(0)
    .max(1)
    .prefault(0.9)
    .describe('Nothing is forgotten where this share of all snapshots of a host, or more, would go at once.'),
  max_clock_jump: duration({ min: '1h', max: '3650d' })
    .prefault('30d')
    .describe(
      'Nothing is forgotten after the clock of the server has gone back, or has gone on by more than this between two runs.',
    ),
  show_stats: z.boolean().prefault(false).describe('Log how large each repository is.'),
  admin_email: mailAddress
    .optional()
    .describe('Who gets mail about maintenance.')
    .meta({ 'x-default': '`global.admin_email`', examples: ['storage@example.org'] }),
  email_subject_prefix: line
    .optional()
    .describe('Beginning of the subject of mails about maintenance.')
    .meta({ 'x-default': '`global.email_subject_prefix`, else `[Restic Maint]`', examples: ['[Restic Maint]'] }),
  log_level: logLevel.optional().meta({ 'x-default': '`global.log_level`' }),
});

/** The `restic` section of server_config.yml. */
export const resticSchema = z
  .strictObject({
    repository_root: repositoryRoot
      .describe('Where the repositories are, one for each host: `<repository_root>/<hostname>`.')
      .meta({ examples: ['/srv/restic'] }),
    password_file: absolutePath
      .optional()
      .describe('File with the password of the repositories: owned by root, mode 0600.')
      .meta({ examples: ['/etc/backup/restic.pass'] }),
    password_command: line
      .min(1)
      .optional()
      .describe('A command that prints the password, instead of `password_file`.')
      .meta({ examples: ['systemd-creds cat restic'] }),
    ...toolKeys(['restic']),
    backup_options: backupOptions
      .prefault('')
      .describe('More options for `restic backup`. In a list every entry is one word and may hold blanks.')
      .meta({ examples: ['--exclude-if-present .backup_ignore'] }),
    backup_timeout: duration({ min: '1m' }).prefault('12h').describe('Time limit for storing one host.'),
    restore_timeout: duration({ min: '1m' }).prefault('12h').describe('Time limit for restoring one snapshot.'),
    command_timeout: duration({ min: '1s' })
      .prefault('10m')
      .describe('Time limit for everything else that restic does.'),
    maintenance: maintenanceSchema.prefault({}).describe('Upkeep of the repositories.'),
  })
  .refine(
    ({ password_file, password_command }) => password_file !== undefined || password_command !== undefined,
    ruleAbout('password_file', 'needed unless there is a `password_command`'),
  )
  .refine(
    ({ password_file, password_command }) => password_file === undefined || password_command === undefined,
    ruleAbout('password_command', 'must not be given beside `password_file`'),
  );

export type ResticSection = z.output<typeof resticSchema>;
