// SPDX-License-Identifier: AGPL-3.0-or-later
import { logLevel } from '@local-backup/common/config/log-level';
import { toolKeys } from '@local-backup/common/config/tools';
import { duration, line, mailAddress, wordsOf } from '@local-backup/common/config/values';
import * as z from 'zod';
import { copiesSchema } from './copies-schema.ts';
import { forgetPolicy } from './host-schema.ts';
import { hasPassword, oneOfEach, repositoryLocation, secretKeys } from './repository-schema.ts';
import { refusedBackupOptions, refusedCheckOptions } from './restic-options.ts';

const backupOptions = z
  .union([line, z.array(line)])
  .transform((given) => (typeof given === 'string' ? wordsOf(given) : given))
  .refine((words) => refusedBackupOptions(words).length === 0, {
    error: ({ input }) => {
      const refused = refusedBackupOptions(input as string[]).map(({ word, why }) => `\`${word}\` (${why})`);
      return `must not hold ${refused.join(', ')}`;
    },
  })
  .meta({ 'x-type': 'words, or a list of words' });

const one = oneOfEach();

/** `n/t` means the nth of t parts, counted from 1; restic makes 256 of them at most. */
function isPossiblePart(share: string): boolean {
  const [part = 0, of = 0] = share.includes('/') ? share.split('/').map(Number) : [1, 1];
  return part >= 1 && part <= of && of <= 256;
}

const checkReadData = z
  .union([
    z.boolean(),
    z
      .string()
      .regex(/^(?:\d+(?:\.\d+)?%|\d+\/\d+|\d+[KMGT])$/, 'must be true, false or a share such as `10%`')
      .refine(isPossiblePart, 'must name one of at most 256 parts, such as `1/12`'),
  ])
  .meta({ 'x-type': 'true, false or a share such as `10%`' });

const maintenanceSchema = z.strictObject({
  forget_policy: forgetPolicy
    .prefault('--keep-daily 7 --keep-weekly 4 --keep-monthly 12 --keep-yearly 3')
    .describe('Which snapshots are kept.'),
  prune: z.boolean().prefault(true).describe('Free the space of snapshots that were forgotten.'),
  check: z
    .boolean()
    .prefault(true)
    .describe('Check the repositories before anything is forgotten, and after space was freed.'),
  check_options: line
    .refine((text) => refusedCheckOptions(wordsOf(text)).length === 0, {
      error: ({ input }) => `must not hold \`${refusedCheckOptions(wordsOf(String(input))).join(' ')}\``,
    })
    .prefault('')
    .describe(
      'More options for `restic check`: how much is read, how fast, by which way. A share of the data given here counts.',
    )
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
    .describe(
      'Nothing is forgotten where fewer snapshots of the host would be left. Of a host that has no more yet, nothing goes.',
    ),
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
    repository_root: repositoryLocation
      .describe(
        'Where the repositories are, one for each host: `<repository_root>/<hostname>`, or with `{hostname}` in it.',
      )
      .meta({ examples: ['/srv/restic'] }),
    ...secretKeys,
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
    copies: copiesSchema
      .prefault([])
      .describe('Further repositories, elsewhere, that the snapshots of all hosts are copied to.'),
    maintenance: maintenanceSchema.prefault({}).describe('Upkeep of the repositories.'),
  })
  .refine(...hasPassword)
  .refine(...one.command)
  .refine(...one.credential)
  .refine(...one.environment);

export type ResticSection = z.output<typeof resticSchema>;
