// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fsyncDirectory, isUnfinishedName, readJson, writeFileAtomic } from '@local-backup/common/atomic-file';
import { describeError } from '@local-backup/common/errors';
import * as z from 'zod';

const taskEntry = z.strictObject({
  kind: z.literal('task'),
  service: z.strictObject({ name: z.string(), type: z.string(), configDirectory: z.string() }),
  task: z.string(),
  plugin: z.string(),
  options: z.unknown(),
  /** What the plugin's `prepare` asked to be remembered; missing until it did. */
  memo: z.record(z.string(), z.unknown()).optional(),
});

const spoolLockEntry = z.strictObject({
  kind: z.literal('spool-lock'),
  /** Absolute path of the lock directory. */
  path: z.string(),
});

const restoreTask = z.strictObject({
  task: z.string(),
  plugin: z.string(),
  options: z.unknown(),
  facts: z.record(z.string(), z.string()),
  /** Where it keeps what it replaces. */
  kept: z.string(),
  /** How far it has come: its `start` is due once its `stop` has begun, its `revert` once its `apply` has. */
  stage: z.enum(['waiting', 'stopping', 'applying']),
  /** Its `start` has begun: it may be running, and is stopped before anything is taken back. */
  started: z.boolean().optional(),
  memo: z.record(z.string(), z.unknown()).optional(),
});

/** One for the whole service: it goes in one moment, so that a restore is either undone as a whole or has succeeded. */
const restoreEntry = z.strictObject({
  kind: z.literal('restore'),
  service: z.strictObject({ name: z.string(), type: z.string(), configDirectory: z.string() }),
  /** The directory of the service in the copy; it may be gone by now. */
  copy: z.string(),
  as: z.string().optional(),
  /** In the order of `apply`. */
  tasks: z.array(restoreTask),
});

const entrySchema = z.discriminatedUnion('kind', [taskEntry, spoolLockEntry, restoreEntry]);

/** Something that has to be undone: a task whose `prepare` has begun, the spool lock, a restore. */
export type UndoEntry = z.infer<typeof entrySchema>;
export type UndoTask = z.infer<typeof taskEntry>;
export type UndoRestore = z.infer<typeof restoreEntry>;
export type UndoRestoreTask = z.infer<typeof restoreTask>;

/** An entry that cannot be read: its file's name still tells what it is about. */
export interface DamagedEntry {
  readonly file: string;
  /** `type/name`; undefined where it is about no service. */
  readonly service: string | undefined;
  readonly message: string;
}

/**
 * What has to be undone, on disk before it is done, one file each. Whatever is still there when a run begins was left
 * by a run that was killed (docs/design.md, promise 2).
 */
export interface UndoJournal {
  /** On disk (fsync) when the promise resolves. Replaces the entry of the same task. */
  write(entry: UndoEntry): Promise<void>;
  /** Called when the entry has been undone. */
  remove(entry: UndoEntry | DamagedEntry): Promise<void>;
  /** In the order of their names. One that cannot be read does not hide the others. */
  list(): Promise<{ readonly entries: readonly UndoEntry[]; readonly damaged: readonly DamagedEntry[] }>;
  /** Removes what was never written whole, and so never acted on. Only with the instance lock held. */
  sweep(): Promise<void>;
  /** File of an entry, for messages. */
  fileOf(entry: UndoEntry): string;
}

/** The journal in a directory, which is created (0700) when it is first written to. */
export function openUndoJournal(directory: string): UndoJournal {
  const fileOf = (entry: UndoEntry) => join(directory, `${nameOf(entry)}.json`);
  return {
    async write(entry) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFileAtomic(fileOf(entry), `${JSON.stringify(entry)}\n`, { mode: 0o600 });
    },
    async remove(entry) {
      await rm('file' in entry ? entry.file : fileOf(entry), { force: true });
      await fsyncDirectory(directory);
    },
    async list() {
      const names = (await namesIn(directory)).filter((name) => name.endsWith('.json')).sort();
      const entries: UndoEntry[] = [];
      const damaged: DamagedEntry[] = [];
      for (const name of names) {
        try {
          entries.push(await readJson(join(directory, name), entrySchema));
        } catch (error) {
          damaged.push({ file: join(directory, name), service: serviceIn(name), message: describeError(error) });
        }
      }
      return { entries, damaged };
    },
    async sweep() {
      const unfinished = (await namesIn(directory)).filter(isUnfinishedName);
      for (const name of unfinished) await rm(join(directory, name), { force: true });
    },
    fileOf,
  };
}

/** Service types, names and task keys hold no `+`, so the parts cannot run into each other. */
function nameOf(entry: UndoEntry): string {
  if (entry.kind === 'spool-lock') return 'spool-lock';
  if (entry.kind === 'restore') return `restore+${entry.service.type}+${entry.service.name}`;
  return `task+${entry.service.type}+${entry.service.name}+${encodeURIComponent(entry.task)}`;
}

/** Copies that restores which are not undone yet were made from: their tasks may need them to be undone. */
export async function copiesInUse({ list }: Pick<UndoJournal, 'list'>): Promise<readonly string[]> {
  const { entries } = await list();
  return entries.flatMap((entry) => (entry.kind === 'restore' ? [entry.copy] : []));
}

/** The service of an entry, by the name of its file. */
function serviceIn(file: string): string | undefined {
  const [kind, type, name] = file.replace(/\.json$/, '').split('+');
  return (kind === 'task' || kind === 'restore') && name !== undefined ? `${type}/${name}` : undefined;
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
