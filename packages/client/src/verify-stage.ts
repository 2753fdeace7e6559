// SPDX-License-Identifier: AGPL-3.0-or-later
import { tmpdir } from 'node:os';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Check } from './plugin-copy.ts';
import type { Service } from './service.ts';
import { attempt, type ServiceIo, type ServiceWork } from './service-work.ts';
import { noteOf, type TaskProgress } from './task-progress.ts';
import { copyContextOf, nothingLookedAt, withScratch } from './verify-copy.ts';

/**
 * Asks the plugins whether what they have just left in the stage would load: a dump that nobody can read is found tonight.
 * Only of tasks that have left all they save in the stage, for of trees there is no copy. A check that failed is a failure
 * of its task; what could not be looked at is noted.
 */
export async function verifyStage(work: ServiceWork, service: Service, io: ServiceIo): Promise<void> {
  for (const progress of work.tasks) {
    const { plugin } = progress.task;
    const isWhole = progress.status === 'success' || progress.status === 'warning';
    const { trees = [] } = progress.result;
    if (plugin.verify === undefined || !isWhole || trees.length > 0 || !work.owners.has(progress)) continue;
    await attempt(progress, 'verify', io, async () => {
      const checks = await look(work, service, progress, io);
      requireGood(checks);
      noteUnseen(progress, checks.length > 0 ? checks : nothingLookedAt(progress.task));
    });
  }
}

async function look(work: ServiceWork, service: Service, { task, result }: TaskProgress, io: ServiceIo) {
  return withScratch({ scratchDirectory: tmpdir() }, async (scratch) => {
    const copy = { directory: work.stage, manifest: undefined };
    const context = copyContextOf(copy, service, task, { ...io, scratch, level: 'quick' });
    return (await task.plugin.verify?.({ ...context, facts: result.facts ?? {} })) ?? [];
  });
}

function requireGood(checks: readonly Check[]): void {
  const failed = checks.filter(({ status }) => status === 'failed');
  if (failed.length === 0) return;
  throw new BackupError('failed', failed.map(({ name, message }) => `${name}: ${message}`).join('\n'));
}

/** It is no failure, and no proof either. */
function noteUnseen(progress: TaskProgress, checks: readonly Check[]): void {
  for (const { name, message } of checks.filter(({ status }) => status === 'skipped'))
    noteOf(progress, `NOT looked at: ${showControls(name)}: ${message}`);
}
