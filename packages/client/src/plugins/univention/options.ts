// SPDX-License-Identifier: AGPL-3.0-or-later
import { absolutePath, anyPath, commandLine, duration } from '@local-backup/common/config/values';
import * as z from 'zod';

export const options = z.strictObject({
  univention_backup_options: commandLine
    .default('')
    .describe('Arguments of `univention-backup`, separated by blanks; nothing is quoted.'),
  backup_directory: absolutePath
    .prefault('/var/univention-backup')
    .describe('Where `univention-backup` leaves its archives. The newest one that it made in this run is saved.'),
  custom_paths: z
    .array(anyPath)
    .default([])
    .describe('Further files and directories to save.')
    .meta({ examples: [['/etc/univention']] }),
  custom_exclude: z.array(z.string()).default([]).describe('What to leave out of them, as rsync patterns.'),
  timeout: duration({ min: '1s' }).prefault('4h').describe('Time limit of `univention-backup`.'),
});

export type UniventionOptions = z.infer<typeof options>;
