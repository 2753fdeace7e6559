// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';
import { anyPath } from '@local-backup/common/config/values';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import { checkExcludePattern, escapeExcludePattern } from '../../exclude-pattern.ts';
import { definePlugin } from '../../plugin.ts';
import { excludedBy } from './excluded-paths.ts';
import { type LocatedPaths, locatePaths } from './locate.ts';
import { findPseudoMounts, type Mount, type PseudoMounts, readMounts } from './mounts.ts';

const excludePattern = z.string().superRefine((pattern, context) => {
  const complaint = checkExcludePattern(pattern);
  if (complaint !== undefined) context.addIssue({ code: 'custom', message: complaint });
});

const options = z.strictObject({
  paths: z
    .array(anyPath)
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

type Options = z.infer<typeof options>;

/** Saves trees of files in place: they are read once, straight into the archive. */
export const files = definePlugin<Options>({
  name: 'files',
  summary: 'Saves files and directories, read in place.',
  options,

  async validate(context) {
    return (await plan(context.options)).warnings;
  },

  async run(context) {
    const { present, pseudo, warnings } = await plan(context.options);
    const tree = {
      into: 'data',
      root: '/',
      paths: present.map(relativeToRoot),
      exclude: [...context.options.exclude, ...pseudo.map(({ point }) => `${escapeExcludePattern(point)}/`)],
      oneFileSystem: context.options.one_file_system,
    };
    return { trees: [tree], warnings };
  },
});

/**
 * What is to be read, what is to be left out, and what the admin has to know of it.
 * @throws BackupError where nothing is left, or where a path is inside a pseudo file system
 */
async function plan({ paths, exclude, one_file_system }: Options) {
  const located = await locatePaths(paths);
  const { present } = located;
  if (present.length === 0) throw noPathError(located.missing);
  const { below, inside } = findPseudoMounts(await readMounts(), present);
  if (inside.length > 0) throw new BackupError('config', inside.map(insideMessage).join('\n'));
  const warnings = [...pathWarnings(located, exclude), ...(one_file_system ? [] : automountWarnings(below))];
  return { present, pseudo: below, warnings };
}

function pathWarnings({ missing, links, present }: LocatedPaths, exclude: readonly string[]): string[] {
  const excluded = present.flatMap((path) => {
    const pattern = excludedBy(path, exclude);
    return pattern === undefined ? [] : [`${path} is left out by \`${pattern}\` of its own \`exclude\`.`];
  });
  return [
    ...missing.map(({ path, reason }) => `${path} ${reason}: nothing was saved of it. ${CORRECT}`),
    ...links.map((path) => `${path} is a symbolic link: only the link itself is saved. ${NAME_TARGET}`),
    ...excluded,
  ];
}

const CORRECT = 'Correct `paths` if that is meant to be so.';
const NAME_TARGET = 'Name its target in `paths` to save that.';

/** Unlike the other ones, these may hold data on another day: what is left out must not be left out quietly. */
function automountWarnings(mounts: readonly Mount[]): string[] {
  return mounts
    .filter(({ type }) => type === 'autofs')
    .map(({ point }) => `${point} is an automount point: what it would mount was left out. Name it in \`paths\`.`);
}

function insideMessage({ path, mount }: PseudoMounts['inside'][number]): string {
  return `${path} is inside ${mount.point}, which the kernel makes up (${mount.type}): remove it from \`paths\`.`;
}

function noPathError(missing: LocatedPaths['missing']): BackupError {
  const list = missing.map(({ path, reason }) => (reason === 'does not exist' ? path : `${path} (${reason})`));
  return new BackupError('failed', `None of the paths exists: ${list.join(', ')}. Correct \`paths\`.`);
}

function relativeToRoot(path: string): BytePath {
  return bytePathOfText(path === '/' ? '.' : path.slice(1));
}
