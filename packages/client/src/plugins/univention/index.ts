// SPDX-License-Identifier: AGPL-3.0-or-later
import { access, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bytePathOfText, showControls } from '@local-backup/common/byte-path';
import { wordsOf } from '@local-backup/common/config/values';
import { BackupError } from '@local-backup/common/errors';
import { findProgram, searchPathOf } from '@local-backup/common/find-program';
import { definePlugin, type Tree } from '../../plugin.ts';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { onlyReading } from '../../plugin-tools/throw-away-user.ts';
import { ARCHIVE, CUSTOM, DUMP } from './names.ts';
import { options, type UniventionOptions } from './options.ts';
import { restore } from './restore.ts';

/** Saves a Univention Corporate Server by its own backup program. */
export const univention = definePlugin<UniventionOptions>({
  name: 'univention',
  summary: 'Saves a Univention Corporate Server: what `univention-backup` makes, and files beside it.',
  options,
  describe: ({ custom_paths }) => ['what univention-backup makes', ...custom_paths].join(', '),

  async validate({ tools, options: { custom_paths } }) {
    const [program = ''] = tools.univention_backup;
    if ((await findProgram(program)) === undefined) {
      throw new BackupError(
        'config',
        `${program} not found in ${searchPathOf()}. It belongs to Univention Corporate Server; name it by ` +
          '`tools.univention_backup_cmd` in client_config.yml where it is elsewhere.',
      );
    }
    const { missing } = await presentPaths(custom_paths);
    return missing.map((path) => `custom_paths: ${path} does not exist: nothing is saved of it.`);
  },

  async run(context) {
    const { univention_backup_options, backup_directory, custom_paths, custom_exclude, timeout } = context.options;
    const before = await archivesIn(backup_directory);
    const [program = '', ...first] = context.tools.univention_backup;
    await context.exec(program, [...first, ...wordsOf(univention_backup_options)], {
      cwd: '/',
      timeoutMs: timeout,
      limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml',
      signal: context.signal,
    });
    const [newest, ...others] = newestFirst(await archivesIn(backup_directory), before);
    if (newest === undefined) throw new BackupError('failed', nothingMade(program, backup_directory));
    const { present, missing } = await presentPaths(custom_paths);
    const tree = { oneFileSystem: false, exclude: [] };
    const dump: Tree = { ...tree, into: DUMP, root: backup_directory, paths: [bytePathOfText(newest)] };
    const paths = present.map((path) => bytePathOfText(path === '/' ? '.' : path.slice(1)));
    const custom: Tree = { ...tree, into: CUSTOM, root: '/', paths, exclude: custom_exclude };
    return {
      trees: paths.length === 0 ? [dump] : [dump, custom],
      warnings: [
        ...others.map((name) => `${showControls(join(backup_directory, name))} is new as well, and not saved.`),
        ...missing.map((path) => `custom_paths: ${path} does not exist: nothing was saved of it.`),
      ],
      facts: { archive: newest.slice(0, 1_000) },
    };
  },

  verify: lookAt,
  restore,
});

/** Archives by name, with what tells one run's from another's. */
async function archivesIn(directory: string): Promise<ReadonlyMap<string, number>> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new BackupError('failed', `${directory} cannot be read: ${error.message}`, { cause: error });
  });
  const found = new Map<string, number>();
  for (const name of names.filter((candidate) => ARCHIVE.test(candidate))) {
    // One that is cleared away meanwhile is none.
    const facts = await lstat(join(directory, name)).catch(() => undefined);
    if (facts?.isFile()) found.set(name, facts.mtimeMs);
  }
  return found;
}

/** The archives that are new, the newest first: last week's would be saved as today's. */
function newestFirst(now: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): readonly string[] {
  const made = [...now].filter(([name, time]) => before.get(name) !== time);
  return made.sort(([, one], [, other]) => other - one).map(([name]) => name);
}

function nothingMade(program: string, directory: string): string {
  return (
    `${program} ended without error but left no new *.tar.gz or *.tar.bz2 in ${directory}. Look at its own log, and ` +
    'correct `backup_directory` if it writes elsewhere.'
  );
}

async function presentPaths(paths: readonly string[]) {
  const isThere = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return { present: paths.filter((_, index) => isThere[index]), missing: paths.filter((_, index) => !isThere[index]) };
}

/** How much of an archive is read at most to look at it quickly, in milliseconds. */
const LOOK_MS = 3_600_000;

/** The archive can be read to its end. */
async function lookAt({ copy, exec, signal, tools }: CopyContext<UniventionOptions>): Promise<readonly Check[]> {
  const names = await readdir(join(copy, DUMP)).catch((): string[] => []);
  const archives = names.filter((name) => ARCHIVE.test(name));
  if (archives.length === 0) return [{ name: DUMP, status: 'failed', message: 'no archive is in the copy' }];
  const checks: Check[] = [];
  for (const archive of archives) {
    const name = `${DUMP}/${archive}`;
    const lines = { count: 0 };
    const onLine = () => {
      lines.count += 1;
    };
    try {
      const file = await fileInCopy(copy, name);
      // It may be hostile: not by root.
      const [program = 'tar', ...args] = [...onlyReading(), ...tools.tar, '--list', '--file', file, '--force-local'];
      await exec(program, args, { cwd: '/', timeoutMs: LOOK_MS, signal, onLine });
      checks.push({ name, status: lines.count > 0 ? 'ok' : 'failed', message: `${lines.count} entries` });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BackupError)) throw error;
      checks.push({ name, status: 'failed', message: error.message });
    }
  }
  return checks;
}
