// SPDX-License-Identifier: AGPL-3.0-or-later
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import { judge } from './expect/judge.ts';
import { attempt, type ServiceIo, type ServiceWork } from './service-work.ts';
import { failureOf, noteOf, type TaskProgress, warnOf } from './task-progress.ts';

/** Compares what the tasks have saved with what their `expect` says. Tasks that failed before have their reason. */
export async function judgeTasks(work: ServiceWork, io: ServiceIo): Promise<void> {
  for (const progress of work.tasks) {
    const isWhole = progress.status === 'success' || progress.status === 'warning';
    if (isWhole) await attempt(progress, 'expect', io, () => judgeTask(progress, io));
  }
}

async function judgeTask(progress: TaskProgress, io: ServiceIo): Promise<void> {
  const { task, entry, tally, result } = progress;
  const { expect } = task;
  if (expect === undefined) return;
  const saved = tally.saved();
  const isMeasured = expect.max_shrink !== undefined;
  const bytesBefore = isMeasured ? await io.sizes.last(entry) : undefined;
  const file = io.sizes.fileOf(entry);
  const misses = judge(expect, { saved, tables: result.tables, bytesBefore, file, now: io.now() });
  const told = misses.map((miss) => (task.where === undefined ? miss : `${miss} It is expected by ${task.where}.`));
  if (isMeasured && bytesBefore === undefined) {
    noteOf(progress, `max_shrink: nothing to compare with yet; from now on with ${formatBytes(saved.bytes)}.`);
  }
  if (isMeasured && misses.length === 0) io.sizes.keep(entry, saved.bytes);
  if (expect.on_miss === 'warn') warnOf(progress, told);
  else for (const miss of told) failureOf(progress, 'expect', new BackupError('failed', miss));
}
