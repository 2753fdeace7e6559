// SPDX-License-Identifier: AGPL-3.0-or-later
import { anyPath } from '@local-backup/common/config/values';
import * as z from 'zod';
import { checkExcludePattern } from '../../exclude-pattern.ts';

const excludePattern = z.string().superRefine((pattern, context) => {
  const complaint = checkExcludePattern(pattern);
  if (complaint !== undefined) context.addIssue({ code: 'custom', message: complaint });
});

const oneFileSystem = z.boolean();

const pathWithOptions = z.strictObject({
  path: anyPath.describe('The file or directory.'),
  exclude: z
    .array(excludePattern)
    .default([])
    .describe('What to leave out of it, beside what the `exclude` of all says.'),
  one_file_system: oneFileSystem.optional().describe('As the key of all, for this path.'),
});

/** Options of a `files` task. */
export const options = z.strictObject({
  paths: z
    .array(z.union([anyPath, pathWithOptions]))
    .min(1)
    .describe(
      'Files and directories to save, with everything below them. They keep their full path in the archive. ' +
        'An entry is a path, or `{path, exclude, one_file_system}` where it needs options of its own.',
    )
    .meta({ examples: [['/etc', '/var/www/html']] }),
  exclude: z
    .array(excludePattern)
    .default([])
    .describe(
      'What to leave out, as rsync patterns: `*.log` a name at any depth, `/var/cache/apt` that path of the host, ' +
        '`cache/` the content of every directory of that name, `**` also matches slashes.',
    )
    .meta({ examples: [['*.tmp', 'node_modules/', '/etc/backup/secret']] }),
  one_file_system: oneFileSystem
    .default(false)
    .describe('Do not descend into directories on which another file system is mounted.'),
  snapshot: z
    .enum(['none', 'auto', 'btrfs', 'zfs', 'lvm'])
    .default('none')
    .describe(
      'Read from a read-only snapshot that is made for it and removed afterwards, so that all files are of one moment. ' +
        '`auto`: what each file system can, a warning where it can none; a name: fail where it is not that.',
    ),
  snapshot_size: z
    .string()
    .regex(/^(?:[1-9]\d?%|100%|[1-9]\d*[MGT])$/, 'must be a share of the volume such as `20%`, or a size such as `5G`')
    .default('20%')
    .describe('Room for what changes while an LVM snapshot is there. Thin volumes, btrfs and ZFS need none.'),
  rsync_options: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .describe('Accepted for old files, with a warning: nothing is copied by rsync, so it has no effect.')
    .meta({ examples: ['--archive --hard-links'] }),
});

/** What a `files` task is told. */
export type FilesOptions = z.infer<typeof options>;

/** An entry of `paths`, with all that counts for it. */
export interface PathEntry {
  /** As it is configured. */
  readonly path: string;
  readonly exclude: readonly string[];
  readonly oneFileSystem: boolean;
}

/** The entries of `paths`, each in full. */
export function entriesOf({ paths, exclude, one_file_system }: FilesOptions): readonly PathEntry[] {
  return paths.map((entry) => {
    if (typeof entry === 'string') return { path: entry, exclude, oneFileSystem: one_file_system };
    const own = { exclude: [...exclude, ...entry.exclude], oneFileSystem: entry.one_file_system ?? one_file_system };
    return { path: entry.path, ...own };
  });
}
