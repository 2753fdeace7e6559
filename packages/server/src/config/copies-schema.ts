// SPDX-License-Identifier: AGPL-3.0-or-later
import { duration } from '@local-backup/common/config/values';
import * as z from 'zod';
import { forgetPolicyWords } from './forget-policy.ts';
import { forgetPolicy } from './host-schema.ts';
import { hasPassword, oneOfEach, repositoryLocation, secretKeys } from './repository-schema.ts';
import { type SecretSources, secretSourcesOf } from './secret-sources.ts';

const one = oneOfEach();

/** An entry of `restic.copies`. */
const copySchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be a short name: small letters, digits, `-`')
      .meta({ 'x-type': 'name' })
      .describe('Name of the copy in reports and commands.')
      .meta({ examples: ['offsite'] }),
    repository_root: repositoryLocation
      .describe('Where the further repositories are: `<repository_root>/<hostname>`, or with `{hostname}` in it.')
      .meta({ examples: ['sftp:backup@offsite.example.org:/srv/restic'] }),
    ...secretKeys,
    forget_policy: forgetPolicy
      .optional()
      .describe('Which snapshots are kept there.')
      .meta({ 'x-default': 'as in the first repository', examples: ['--keep-weekly 8 --keep-monthly 24'] }),
    maintenance: z
      .boolean()
      .default(true)
      .describe(
        'Maintenance checks it, and forgets and prunes there. `false` for a repository that this server may only add to: ' +
          'whoever looks after it where it is does that.',
      ),
    read_data: z
      .boolean()
      .default(false)
      .describe(
        'Maintenance reads back a part of the data that is stored there as well, as it does in the first repository. ' +
          'Without it only the structure is checked: a slow line is not kept busy.',
      ),
    max_age: duration({ min: '1h', max: '3650d' })
      .prefault('8d')
      .describe('A copy that lacks snapshots, and whose newest one is older than this, makes the host `failed`.'),
    timeout: duration({ min: '1m' })
      .prefault('12h')
      .describe('Time limit for bringing the copy of one host up to date.'),
  })
  .refine(...hasPassword)
  .refine(...one.command)
  .refine(...one.credential)
  .refine(...one.environment);

/** `restic.copies`: further repositories that every host's snapshots are copied to. */
export const copiesSchema = z.array(copySchema).superRefine((copies, context) => {
  for (const [index, { name }] of copies.entries()) {
    if (copies.findIndex((copy) => copy.name === name) === index) continue;
    const message = 'is the name of another copy above; each needs a name of its own';
    context.addIssue({ code: 'custom', path: [index, 'name'], message });
  }
});

/** A further repository for every host. Times in milliseconds. */
export interface CopyConfig extends SecretSources {
  readonly name: string;
  /** A location with or without `{hostname}`. */
  readonly repositoryRoot: string;
  /** Words for `restic forget`; undefined: the policy of the first repository. */
  readonly forgetPolicy: readonly string[] | undefined;
  /** Maintenance looks after it. */
  readonly maintenance: boolean;
  /** Read back a part of the stored data with every maintenance. */
  readonly readData: boolean;
  readonly maxAgeMs: number;
  readonly timeoutMs: number;
}

export function copyConfigOf(section: z.output<typeof copySchema>): CopyConfig {
  return {
    name: section.name,
    repositoryRoot: section.repository_root,
    ...secretSourcesOf(section),
    forgetPolicy: section.forget_policy === undefined ? undefined : forgetPolicyWords(section.forget_policy),
    maintenance: section.maintenance,
    readData: section.read_data,
    maxAgeMs: section.max_age,
    timeoutMs: section.timeout,
  };
}
