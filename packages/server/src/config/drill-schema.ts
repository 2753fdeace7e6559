// SPDX-License-Identifier: AGPL-3.0-or-later
import { absolutePath, duration, size } from '@local-backup/common/config/values';
import * as z from 'zod';
import { DRILL_LEVELS, type DrillLevel } from './drill-levels.ts';

/** The `drill` section of server_config.yml: restores that are made to prove that snapshots can be restored. */
export const drillSchema = z.strictObject({
  directory: absolutePath
    .optional()
    .describe('Where drills restore to; everything in there is removed afterwards.')
    .meta({ 'x-default': '`drill` in `local_temp_base_dir`', examples: ['/srv/backup-drill'] }),
  level: z
    .enum(DRILL_LEVELS)
    .prefault('services')
    .describe(
      '`services`: what was restored is also looked at by the plugins that saved it, in isolation: dumps are loaded into ' +
        'throw-away servers where their programs are installed. `files`: it is compared, nothing is loaded.',
    ),
  max_bytes: size()
    .prefault('50GiB')
    .describe('A snapshot with more bytes is restored in part: services chosen at random, up to this many bytes.'),
  max_duration: duration({ min: '1m' })
    .prefault('3h')
    .describe('No further host is begun after this time; the next drill goes on with those that waited longest.'),
  max_age: duration({ min: '1h', max: '3650d' })
    .prefault('35d')
    .describe('A host whose last successful drill is older than this is reported.'),
  older_share: z
    .number()
    .min(0)
    .max(1)
    .prefault(0.25)
    .describe('How often an older snapshot, chosen at random, is restored instead of the newest: 0 never, 1 always.'),
});

/** Sizes in bytes, times in milliseconds. */
export interface DrillConfig {
  readonly directory: string;
  readonly level: DrillLevel;
  readonly maxBytes: number;
  readonly maxDurationMs: number;
  readonly maxAgeMs: number;
  readonly olderShare: number;
}

/** The section with its defaults merged in. */
export function drillConfigOf(section: z.output<typeof drillSchema>, localTempBaseDir: string): DrillConfig {
  return {
    directory: section.directory ?? `${localTempBaseDir}/drill`,
    level: section.level,
    maxBytes: section.max_bytes,
    maxDurationMs: section.max_duration,
    maxAgeMs: section.max_age,
    olderShare: section.older_share,
  };
}
