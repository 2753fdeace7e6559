// SPDX-License-Identifier: AGPL-3.0-or-later
import { tmpdir } from 'node:os';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Plugin } from './plugin.ts';
import { orderOf } from './plugin-order.ts';
import { undoKilledRestore } from './restore/undo-restore.ts';
import { sweepScratch } from './scratch-claim.ts';
import type { Service } from './service.ts';
import { removeSpoolLock } from './spool-lock.ts';
import { createTaskContext, type TaskIo } from './task-context.ts';
import type { UndoEntry, UndoTask } from './undo-journal.ts';

/** Something that could not be undone. */
export interface Stuck {
  /** `type/name` of the service that is not to be touched because of it; undefined where it is about none. */
  readonly service: string | undefined;
  readonly message: string;
}

/** What was undone, and what could not be. */
export interface Recovery {
  readonly undone: readonly string[];
  readonly failed: readonly Stuck[];
}

export interface RecoverIo extends TaskIo {
  readonly plugins: readonly Plugin[];
  /** The services as they are configured now: an `after` that was wrong then may be right by now. */
  readonly services: readonly Service[];
}

/**
 * Undoes what a run that was killed has left: starts the services that it had stopped, removes its spool lock. Called
 * by every run before anything else, by `backup-client recover`, at boot and on failure. Harmless when there is nothing.
 *
 * @throws the signal's reason, between two entries
 */
export async function recover(io: RecoverIo): Promise<Recovery> {
  const undone: string[] = [];
  const failed: Stuck[] = [];
  await io.journal.sweep();
  const { entries, damaged } = await io.journal.list();
  for (const { service, message } of damaged) {
    failed.push({ service, message: `an undo entry is damaged, so nobody knows what has to be started: ${message}` });
  }
  for (const entry of inOrderOfPost(entries, io)) {
    io.signal.throwIfAborted();
    const what = describeEntry(entry);
    try {
      await undo(entry, io);
      await io.journal.remove(entry);
      io.log.warn(`Undone what an earlier run had left: ${what}.`);
      undone.push(what);
    } catch (error) {
      const message = `${what}: ${describeError(error)} (remembered in ${io.journal.fileOf(entry)})`;
      failed.push({ service: serviceOf(entry), message });
    }
  }
  // Last, and only when nobody needs it any more: a plugin may have left there what has to be known to undo it.
  if (failed.length === 0) await sweepScratch(io);
  for (const { message } of failed) io.log.error(`Cannot undo what an earlier run had left: ${message}`);
  return { undone, failed };
}

/** As a run would have: what was stopped first is started last. All else comes after the tasks. */
function inOrderOfPost(entries: readonly UndoEntry[], { plugins }: RecoverIo): readonly UndoEntry[] {
  const order = (entry: UndoEntry) => {
    if (entry.kind !== 'task') return Number.NEGATIVE_INFINITY;
    return orderOf(plugins.find(({ name }) => name === entry.plugin) ?? {});
  };
  return [...entries].sort((a, b) => (order(a) < order(b) ? 1 : order(a) > order(b) ? -1 : 0));
}

/**
 * Forgets what has to be undone of a service, because somebody has done it by hand.
 * @returns how many entries there were
 */
export async function forgetService(name: string, { journal }: Pick<TaskIo, 'journal'>): Promise<number> {
  const { entries, damaged } = await journal.list();
  const done = [
    ...entries.filter((entry) => serviceOf(entry) === name),
    ...damaged.filter(({ service }) => service === name),
  ];
  for (const entry of done) await journal.remove(entry);
  return done.length;
}

async function undo(entry: UndoEntry, io: RecoverIo): Promise<void> {
  if (entry.kind === 'spool-lock') return removeSpoolLock(entry.path);
  if (entry.kind === 'restore') return undoKilledRestore(entry, io);
  const plugin = io.plugins.find(({ name }) => name === entry.plugin);
  if (plugin === undefined) {
    throw new BackupError('failed', `this version has no plugin ${entry.plugin}; check the service by hand.`);
  }
  // The stage of the earlier run is gone; post works from what was remembered. A signal of its own: what is being put
  // back is put back to the end.
  const undoWith = (task: UndoTask) =>
    plugin.post?.(createTaskContext(task, tmpdir(), { ...io, signal: new AbortController().signal }));
  try {
    await undoWith(entry);
  } catch (error) {
    const now = optionsNow(entry, io.services);
    if (now === undefined) throw error;
    await undoWith({ ...entry, options: now });
  }
}

/** The options of the task as it is configured now; undefined where they are gone or the same. */
function optionsNow(entry: UndoTask, services: readonly Service[]): unknown {
  const service = services.find(({ name, type }) => name === entry.service.name && type === entry.service.type);
  const task = service?.tasks.find(({ key, plugin }) => key === entry.task && plugin.name === entry.plugin);
  return JSON.stringify(task?.options) === JSON.stringify(entry.options) ? undefined : task?.options;
}

function serviceOf(entry: UndoEntry): string | undefined {
  return entry.kind === 'spool-lock' ? undefined : `${entry.service.type}/${entry.service.name}`;
}

function describeEntry(entry: UndoEntry): string {
  if (entry.kind === 'spool-lock') return `the spool lock ${entry.path}`;
  if (entry.kind === 'restore') {
    const { type, name } = entry.service;
    return `the unfinished restore of ${type}/${name}`;
  }
  return `what ${entry.plugin} did to ${entry.service.type}/${entry.service.name}`;
}
