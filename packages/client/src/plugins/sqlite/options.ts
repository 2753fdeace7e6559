// SPDX-License-Identifier: AGPL-3.0-or-later
import { anyPath, duration } from '@local-backup/common/config/values';
import * as z from 'zod';

/** `paths: /srv/app/app.db` is as good as a list of one. */
const paths = z.preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(anyPath).min(1));

export const options = z.strictObject({
  paths: paths
    .describe('Database files, or patterns: `*` and `?` match within a name, `**` any number of directories.')
    .meta({ examples: [['/srv/app/app.db', '/home/*/.local/share/**/*.sqlite']] }),
  exclude: z
    .array(anyPath)
    .default([])
    .describe('Files that the patterns match and that are not to be saved, as paths or patterns.')
    .meta({ examples: [['/srv/app/cache*.db']] }),
  allow_missing: z
    .boolean()
    .default(false)
    .describe('Accept that a path does not exist, or that a pattern matches nothing; else it is a failure.'),
  check: z
    .enum(['integrity', 'quick'])
    .default('integrity')
    .describe('How the copy is checked: `integrity` also compares indexes with their tables; `quick` takes less time.'),
  busy_timeout: duration({ min: '1s', max: '1h' })
    .prefault('30s')
    .describe('How long to wait for a writer that has locked the database.'),
  timeout: duration({ min: '1s' }).prefault('1h').describe('Time limit for each database.'),
});

export type SqliteOptions = z.infer<typeof options>;
