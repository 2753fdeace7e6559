// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { BackupError } from '@local-backup/common/errors';
import type { ArchiveWriter, HeldTree, TreeTotals } from './archive.ts';
import type { StageOwners } from './expect/stage-owners.ts';
import type { TaskSizes } from './expect/task-sizes.ts';
import type { Tree } from './plugin.ts';
import type { TaskIo } from './task-context.ts';
import { failureOf, type TaskProgress, warnOf } from './task-progress.ts';

/** What saving services takes. */
export interface ServiceIo extends TaskIo {
  /** The run's work directory. */
  readonly work: string;
  readonly archive: ArchiveWriter;
  readonly minFreeBytes: number;
  /** The real path of the directory that the archive grows in. */
  readonly spool: string;
  readonly sizes: TaskSizes;
  readonly now: () => Date;
}

/** A service under way. */
export interface ServiceWork {
  /** Where the service is in the archive: `type/name`. */
  readonly prefix: string;
  readonly stage: string;
  readonly owners: StageOwners<TaskProgress>;
  /** In the order of prepare. */
  readonly tasks: readonly TaskProgress[];
  /** Tasks whose prepare has begun. */
  readonly prepared: TaskProgress[];
  /** Those of them whose run has failed. */
  readonly spoilt: TaskProgress[];
  /** Trees that were read while the service stood still, and are not in the archive yet. */
  readonly held: { readonly progress: TaskProgress; readonly tree: Tree; readonly held: HeldTree }[];
  readonly totals: { bytes: number; files: number };
}

/** Since when the service stands still: undefined where nothing had to be stopped. A snapshot stops nothing. */
export function quietSince({ tasks }: ServiceWork): Date | undefined {
  const times = tasks.flatMap(({ task, quietSince: since, result }) =>
    since === undefined || task.plugin.stopsNothing || result.snapshot ? [] : [since],
  );
  return times.sort((a, b) => a.getTime() - b.getTime())[0];
}

/** The boundary of a step: records what went wrong and goes on, but for the end of the run and a broken archive. */
export async function attempt(
  progress: TaskProgress,
  stage: string,
  io: ServiceIo,
  work: () => Promise<unknown>,
): Promise<boolean> {
  const begun = io.now();
  progress.context.log.debug(stage);
  try {
    io.signal.throwIfAborted();
    await work();
    return true;
  } catch (error) {
    io.signal.throwIfAborted();
    if (io.archive.broken) throw error;
    failureOf(progress, stage, error);
    return false;
  } finally {
    progress.seconds += secondsSince(begun, io);
  }
}

/** Takes over what has come into the archive of a task's tree. */
export function addTotals(work: ServiceWork, progress: TaskProgress, totals: TreeTotals): void {
  work.totals.bytes += totals.bytes;
  work.totals.files += totals.files;
  for (const message of totals.failed) failureOf(progress, 'read', new BackupError('failed', message));
  warnOf(progress, totals.warnings);
}

/** The path of an entry of the archive inside the directory of its service. */
export function pathInService({ prefix }: ServiceWork, { path }: Entry): BytePath {
  return path.slice(prefix.length + 1) as BytePath;
}

export function secondsSince(begun: Date, io: Pick<ServiceIo, 'now'>): number {
  return Math.max(0, (io.now().getTime() - begun.getTime()) / 1000);
}
