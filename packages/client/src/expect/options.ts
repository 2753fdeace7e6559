// SPDX-License-Identifier: AGPL-3.0-or-later
import { duration, size } from '@local-backup/common/config/values';
import * as z from 'zod';
import { checkExcludePattern } from '../exclude-pattern.ts';

/** How much smaller, as a part of 1. */
const shrink = z
  .string()
  .regex(/^(?:\d{1,2}(?:\.\d+)?)%$/, 'must be a percentage below 100, such as `30%`')
  .transform((text) => Number.parseFloat(text) / 100)
  .meta({ 'x-type': 'percentage' });

const pattern = z.string().superRefine((text, context) => {
  const complaint = checkExcludePattern(text);
  if (complaint !== undefined) context.addIssue({ code: 'custom', message: complaint });
});

const tableName = z.string().min(1);

/** What has to be true of what a task has saved. The key `expect` of every task; the plugins know nothing of it. */
export const expectations = z
  .strictObject({
    min_bytes: size()
      .optional()
      .describe('Everything that the task saved has together at least this size, uncompressed.')
      .meta({ examples: ['1M'] }),
    max_age: duration({ min: '1s', max: '3650d' })
      .optional()
      .describe(
        'The newest file that the task saved was last changed at most this long ago: for dumps that others write.',
      )
      .meta({ examples: ['2d'] }),
    max_shrink: shrink
      .optional()
      .describe(
        'It is at most this much smaller than it was the last time that all was well; the first run only takes the measure.',
      )
      .meta({ examples: ['30%'] }),
    must_contain: z
      .array(pattern)
      .min(1)
      .optional()
      .describe(
        'For each of these patterns something was saved. They are written like those of `exclude` of `files`; a leading ' +
          '`/` is the root of the host for `files`, else the directory of the service in the archive.',
      )
      .meta({ examples: [['/etc/fstab', '*.conf']] }),
    tables: z
      .array(tableName)
      .min(1)
      .optional()
      .describe('These tables were saved. For tasks that save a database.')
      .meta({ examples: [['public.orders']] }),
    min_rows: z
      .record(tableName, z.int().min(1))
      .optional()
      .describe('These tables were saved with at least so many rows. For tasks that save a database.')
      .meta({ examples: [{ 'public.orders': 1000 }] }),
    on_miss: z
      .enum(['fail', 'warn'])
      .default('fail')
      .describe('What comes of an expectation that is not met: the task has failed, or has a warning.'),
  })
  .refine(({ on_miss: _, ...rest }) => Object.values(rest).some((value) => value !== undefined), {
    message: 'holds no expectation: write `min_bytes: 1M`, for example',
    // One that is misspelt is told as that.
    when: ({ issues }) => issues.length === 0,
  });

export type Expectations = z.infer<typeof expectations>;

const DESCRIPTION = 'What has to be true of what this task has saved';

/**
 * The task's block of a service.yaml, for documentation and editors: what the plugin takes, and `expect`.
 * @param documented false: every task takes the same, so it is explained once, with another one
 */
export function withExpect(options: z.ZodType, { documented }: { readonly documented: boolean }): z.ZodType {
  if (!(options instanceof z.ZodObject)) return options;
  const expect = documented
    ? expectations.optional().describe(`${DESCRIPTION}. A miss names what was expected and what there is.`)
    : expectations
        .optional()
        .describe(`${DESCRIPTION}: see \`files.expect\`.`)
        .meta({ 'x-elsewhere': true, 'x-old': true });
  return options.safeExtend({ expect });
}
