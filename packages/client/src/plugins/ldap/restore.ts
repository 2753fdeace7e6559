// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fsyncDirectory } from '@local-backup/common/atomic-file';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { whoHasOpen } from '../../plugin-tools/open-files.ts';
import { requireEntries, verifyRunning } from './after-restore.ts';
import type { LdapOptions } from './options.ts';
import { CONFIG, placeOf, suffixName } from './record.ts';
import { slapadd } from './slap-tools.ts';
import { planTargets, type Targets } from './targets.ts';

type Context = RestoreContext<LdapOptions>;

/** Directories that were replaced. `aside`: where the old one is; absent: there was none. */
const memo = z.strictObject({
  moved: z.array(z.strictObject({ directory: z.string(), aside: z.string().optional() })),
});

type Moved = z.infer<typeof memo>['moved'];

export const restore: TaskRestore<LdapOptions> = {
  async plan(context) {
    if (context.as !== undefined) {
      throw new BackupError(
        'usage',
        '--as: a database of slapd is known by its suffix, and cannot be put beside itself.',
      );
    }
    const targets = await planTargets(context);
    const notes = (await openComplaints(targets)).map((what): RestoreStep => ({ action: 'note', what }));
    const config: RestoreStep[] = targets.newConfig
      ? [{ action: 'create', what: `${context.options.config_dir} (${targets.saved.config} entries), from ${CONFIG}` }]
      : [{ action: 'note', what: `the configuration in ${context.options.config_dir} stays as it is` }];
    return [...notes, ...config, ...(await Promise.all(targets.databases.map(stepsOf))).flat()];
  },

  async apply(context) {
    const targets = await planTargets(context);
    const complaints = await openComplaints(targets);
    if (complaints.length > 0) throw new BackupError('failed', complaints.join('\n'));
    const moved: Moved = [];
    const replaced = [...(targets.newConfig ? [context.options.config_dir] : []), ...directoriesOf(targets)];
    for (const directory of replaced) {
      const there = await stat(directory).catch(() => undefined);
      const aside = `${directory}.kept-${randomBytes(4).toString('hex')}`;
      moved.push({ directory, ...(there === undefined ? {} : { aside }) });
      await context.remember({ moved });
      if (there !== undefined) await moveAside(directory, aside);
      await mkdir(directory, { recursive: true });
      const { uid, gid, mode } = there ?? { ...targets.owner, mode: 0o700 };
      await chown(directory, uid, gid);
      await chmod(directory, mode & 0o7777);
    }
    await load(targets, context);
    return [];
  },

  async revert(context) {
    const remembered = context.remembered();
    if (remembered === undefined) return;
    for (const { directory, aside } of [...memo.parse(remembered).moved].reverse()) {
      const kept = aside === undefined ? undefined : await stat(aside).catch(() => undefined);
      // Killed before it was moved, or put back already.
      if (aside !== undefined && kept === undefined) continue;
      await rm(directory, { recursive: true, force: true });
      if (aside !== undefined) await rename(aside, directory);
    }
    // What slapd writes from now on must survive a second call.
    await context.remember({ moved: [] });
  },

  verify: async (context) => verifyRunning((await planTargets(context)).databases, context),
};

async function load({ newConfig, owner, databases }: Targets, context: Context): Promise<void> {
  const { config_dir } = context.options;
  const place = { cwd: '/', configDirectory: config_dir };
  if (newConfig) await slapadd(await fileInCopy(context.copy, CONFIG), ['-n', '0'], { ...place, ...owner }, context);
  for (const database of databases) {
    const { suffix, directory } = database;
    const { uid, gid } = await stat(directory);
    const file = await fileInCopy(context.copy, placeOf(suffix));
    await slapadd(file, ['-b', suffix], { ...place, uid, gid }, context);
    await requireEntries(database, context);
    context.log.info(`${suffixName(suffix)} is loaded.`);
  }
}

async function moveAside(directory: string, aside: string): Promise<void> {
  try {
    await rename(directory, aside);
    await fsyncDirectory(dirname(directory));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BackupError('failed', `Cannot move ${directory} aside: ${reason}. Is a file system mounted on it?`);
  }
}

function directoriesOf({ databases }: Targets): readonly string[] {
  return databases.map(({ directory }) => directory);
}

async function stepsOf({ suffix, directory, entries }: Targets['databases'][number]): Promise<readonly RestoreStep[]> {
  const names = await readdir(directory).catch(() => undefined);
  const what = `${suffixName(suffix)}: ${entries} entries, from ${showControls(placeOf(suffix))}`;
  if (names === undefined)
    return [
      { action: 'create', what: directory },
      { action: 'load', what },
    ];
  const keep = `${directory} (${names.length} files), moved aside to ${directory}.kept-...`;
  return [
    { action: 'keep', what: keep },
    { action: 'load', what },
  ];
}

/** slapd would go on with the files that were moved aside. */
async function openComplaints({ databases }: Targets): Promise<string[]> {
  const complaints: string[] = [];
  for (const { suffix, directory } of databases) {
    const holders = await whoHasOpen([join(directory, 'data.mdb'), join(directory, 'lock.mdb')]);
    if (holders.length === 0) continue;
    complaints.push(
      `${suffixName(suffix)} is open in ${holders.join(', ')}: it has to be stopped before this is replaced.`,
    );
  }
  return complaints;
}
