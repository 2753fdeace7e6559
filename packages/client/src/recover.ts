// SPDX-License-Identifier: AGPL-3.0-or-later

import { tmpdir } from 'node:os';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Plugin } from './plugin.ts';
import { removeSpoolLock } from './spool-lock.ts';
import { createTaskContext, type TaskIo } from './task-context.ts';
import type { UndoEntry, UndoTask } from './undo-journal.ts';

/** What was undone, and what could not be. */
export interface Recovery {
  readonly undone: readonly string[];
  readonly failed: readonly { readonly entry: UndoEntry; readonly message: string }[];
}

/**
 * Undoes what a run that was killed has left: starts the services that it had stopped, removes its spool lock. Called
 * by every run before anything else, by `backup-client recover`, at boot and on failure. Harmless when there is nothing.
 */
export async function recover(plugins: readonly Plugin[], io: TaskIo): Promise<Recovery> {
  const undone: string[] = [];
  const failed: { entry: UndoEntry; message: string }[] = [];
  for (const entry of await io.journal.list()) {
    const what = describeEntry(entry);
    try {
      await undo(entry, plugins, io);
      await io.journal.remove(entry);
      io.log.warn(`Undone what a run that was killed had left: ${what}.`);
      undone.push(what);
    } catch (error) {
      const message = `${what}: ${describeError(error)}`;
      io.log.error(`Cannot undo what a run that was killed had left: ${message}`);
      failed.push({ entry, message });
    }
  }
  return { undone, failed };
}

async function undo(entry: UndoEntry, plugins: readonly Plugin[], io: TaskIo): Promise<void> {
  if (entry.kind === 'spool-lock') await removeSpoolLock(entry.path);
  else await undoTask(entry, plugins, io);
}

async function undoTask(entry: UndoTask, plugins: readonly Plugin[], io: TaskIo): Promise<void> {
  const plugin = plugins.find(({ name }) => name === entry.plugin);
  if (plugin === undefined) {
    throw new BackupError('failed', `this version has no plugin ${entry.plugin}; check the service by hand.`);
  }
  // The stage of the run that was killed is gone; post works from what was remembered.
  await plugin.post?.(createTaskContext(entry, tmpdir(), io));
}

function describeEntry(entry: UndoEntry): string {
  if (entry.kind === 'spool-lock') return `the spool lock ${entry.path}`;
  return `what ${entry.plugin} did to ${entry.service.type}/${entry.service.name}`;
}
