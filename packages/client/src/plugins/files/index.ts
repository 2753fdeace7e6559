// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import { checkExcludePattern } from '../../exclude-pattern.ts';
import { definePlugin } from '../../plugin.ts';
import { locatePaths } from './locate.ts';

const absolutePath = z.string().regex(/^\//, 'must be an absolute path');

const excludePattern = z.string().superRefine((pattern, context) => {
  const complaint = checkExcludePattern(pattern);
  if (complaint !== undefined) context.addIssue({ code: 'custom', message: complaint });
});

const options = z.strictObject({
  paths: z
    .array(absolutePath)
    .min(1)
    .describe('Files and directories to save, with everything below them. They keep their full path in the archive.')
    .meta({ examples: [['/etc', '/var/www/html']] }),
  exclude: z
    .array(excludePattern)
    .default([])
    .describe(
      'What to leave out, as rsync patterns: `*.log` a name at any depth, `/var/cache/apt` that path of the host, ' +
        '`cache/` the content of every directory of that name, `**` also matches slashes.',
    )
    .meta({ examples: [['*.tmp', 'node_modules/', '/etc/backup/secret']] }),
  one_file_system: z
    .boolean()
    .default(false)
    .describe('Do not descend into directories on which another file system is mounted.'),
});

/** Saves trees of files in place: they are read once, straight into the archive. */
export const files = definePlugin({
  name: 'files',
  summary: 'Saves files and directories, read in place.',
  options,

  async validate(context) {
    const { missing, present } = await locatePaths(context.options.paths);
    if (present.length > 0) return missing.map(missingMessage);
    throw noPathError(missing);
  },

  async run(context) {
    const { present, missing, links } = await locatePaths(context.options.paths);
    if (present.length === 0) throw noPathError(missing);
    const tree = {
      into: 'data',
      root: '/',
      paths: present,
      exclude: context.options.exclude,
      oneFileSystem: context.options.one_file_system,
    };
    return { trees: [tree], warnings: [...missing.map(missingMessage), ...links.map(linkMessage)] };
  },
});

function noPathError(missing: readonly string[]): BackupError {
  return new BackupError('failed', `None of the paths exists: ${missing.join(', ')}. Correct \`paths\`.`);
}

function missingMessage(path: string): string {
  return `${path} does not exist: nothing was saved of it. Correct \`paths\` if that is meant to be so.`;
}

function linkMessage(path: string): string {
  return `${path} is a symbolic link: only the link itself was saved. Name its target in \`paths\` to save that.`;
}
