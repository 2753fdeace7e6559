// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { whoHasOpen } from '../../plugin-tools/open-files.ts';
import { type PutBack, requireWhole, verifyInPlace } from './after-restore.ts';
import { readHeader } from './header.ts';
import type { SqliteOptions } from './options.ts';
import { placeOf, readDatabases, type SavedDatabase } from './record.ts';
import { type KeptDatabase, keep, keptDatabase, putBack, replaceDatabase } from './swap-file.ts';

type Context = RestoreContext<SqliteOptions>;

/** What `revert` puts back; a database is added before it is replaced. */
const memo = z.strictObject({ databases: z.array(keptDatabase) });

/** A database of the copy, and where it goes. */
interface Target {
  readonly saved: SavedDatabase;
  readonly source: string;
  readonly path: string;
  /** What is there now. */
  readonly old: Stats | undefined;
}

export const restore: TaskRestore<SqliteOptions> = {
  async plan(context) {
    const targets = await targetsOf(context);
    if (targets.length === 0) return [{ action: 'note', what: 'no database was saved: nothing to put back' }];
    return (await Promise.all(targets.map(stepsOf))).flat();
  },

  async apply(context) {
    const targets = await targetsOf(context);
    // All of them before the first is touched.
    const complaints = (await Promise.all(targets.map(openComplaint))).flat();
    if (complaints.length > 0) throw new BackupError('failed', complaints.join('\n'));
    const databases: KeptDatabase[] = [];
    for (const [index, { saved, source, path, old }] of targets.entries()) {
      context.signal.throwIfAborted();
      databases.push(await keep(path, context.kept, String(index)));
      await context.remember({ databases });
      const { uid, gid, mode } = old ?? saved;
      await replaceDatabase(source, path, { uid, gid, mode: mode & 0o777 });
      await requireWhole({ saved, path }, context);
    }
    return [];
  },

  async revert(context) {
    const remembered = context.remembered();
    if (remembered === undefined) return;
    const { databases } = memo.parse(remembered);
    for (const database of [...databases].reverse()) await putBack(database, context.kept);
    // What is written from now on must survive a second call.
    await context.remember({ databases: [] });
  },

  verify: async (context) => verifyInPlace(await placesOf(context), context),
};

/** Where the databases of the copy have gone. */
async function placesOf({ copy, as }: Context): Promise<readonly PutBack[]> {
  const databases = await readDatabases(copy);
  return databases.map((saved) => ({ saved, path: pathOf(saved, as) }));
}

function pathOf({ path }: SavedDatabase, as: string | undefined): string {
  return as === undefined ? path : join(dirname(path), as);
}

async function targetsOf(context: Context): Promise<readonly Target[]> {
  const databases = await readDatabases(context.copy);
  const complaints = nameComplaints(databases, context);
  const targets: Target[] = [];
  for (const saved of databases) {
    const path = pathOf(saved, context.as);
    const old = await lstat(path).catch(() => undefined);
    const complaint = targetComplaint(path, old, context);
    if (complaint !== undefined) complaints.push(complaint);
    targets.push({ saved, source: join(context.copy, placeOf(saved.path)), path, old });
    await fileInCopy(context.copy, placeOf(saved.path)).catch((error: unknown) => {
      if (!(error instanceof BackupError)) throw error;
      complaints.push(error.message);
    });
  }
  if (complaints.length > 0) throw new BackupError('failed', complaints.join('\n'));
  return targets;
}

function nameComplaints(databases: readonly SavedDatabase[], { as }: Context): string[] {
  if (as === undefined) return [];
  const complaints: string[] = [];
  if (/[/\0]/.test(as) || as === '.' || as === '..') complaints.push('--as must be a file name, without a slash.');
  if (databases.length !== 1) {
    complaints.push(
      `--as names one file, but ${databases.length} databases were saved: restore to a directory instead.`,
    );
  }
  return complaints;
}

function targetComplaint(path: string, old: Stats | undefined, { as }: Context): string | undefined {
  const name = showControls(path);
  if (old === undefined) return undefined;
  if (as !== undefined) return `${name} exists already: choose another name for --as.`;
  if (old.isFile()) return undefined;
  return `${name} is no regular file, or a symbolic link: move it away first.`;
}

async function stepsOf({ path, old, saved }: Target): Promise<readonly RestoreStep[]> {
  const name = showControls(path);
  const what = `${name} (${saved.bytes} bytes, ${saved.tables.length} tables)`;
  if (old === undefined) return [{ action: 'create', what }];
  const notes = [...(await openComplaint({ path })), ...(await strangeNote(path))];
  return [
    ...notes.map((note): RestoreStep => ({ action: 'note', what: note })),
    { action: 'keep', what: `${name} (${old.size} bytes)` },
    { action: 'replace', what },
  ];
}

/** A program that has the old file open would go on writing into it, and nobody would see that any more. */
async function openComplaint({ path }: Pick<Target, 'path'>): Promise<string[]> {
  const holders = await whoHasOpen([path, `${path}-wal`]);
  if (holders.length === 0) return [];
  return [`${showControls(path)} is open in ${holders.join(', ')}: it has to be stopped before this is replaced.`];
}

/** It may be the damage that the restore is for; or the copy comes from somebody who wants another file replaced. */
async function strangeNote(path: string): Promise<string[]> {
  try {
    await readHeader(path);
    return [];
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return [`${showControls(path)} is no SQLite database now. Look at it before you have it replaced.`];
  }
}
