// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir } from 'node:fs/promises';
import { bytePathOf } from '@local-backup/common/byte-path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { ManifestService } from '@local-backup/common/manifest';
import type { ArchiveWriter, TreeRequest } from './archive.ts';
import type { Service } from './service.ts';
import { createStage, requireFreeSpace, stageConfig } from './stage.ts';
import { createTaskContext, type TaskIo, undoEntryOf } from './task-context.ts';
import { beginTask, failureOf, ranWell, serviceReport, type TaskProgress, warnOf } from './task-progress.ts';

export interface ServiceIo extends TaskIo {
  readonly work: string;
  readonly archive: ArchiveWriter;
  readonly minFreeBytes: number;
  /** Patterns that are left out of every tree: the spool must never be read into the archive that grows in it. */
  readonly exclude: readonly string[];
  readonly now: () => Date;
}

/** Plugins without an `order` of their own come after containers (10) and before those that want to be last. */
const DEFAULT_ORDER = 50;

/**
 * Saves one service into the archive: prepare all its tasks, run them, read their trees, then post in the opposite
 * order, so that the service is back before anything else happens; at last the files that the tasks left in the stage.
 * A failing prepare ends the stages of this service, a failing task leaves the others their turn; post is always called,
 * and the run goes on.
 *
 * @throws only when the archive itself is broken, or the run is to end
 */
export async function runService(service: Service, io: ServiceIo): Promise<ManifestService> {
  const started = io.now();
  const work = await openService(service, io);
  try {
    if (await prepareAll(work, io)) await runAll(work, io);
  } finally {
    await postAll(work, io);
  }
  const secondsStopped = work.quietSince === undefined ? 0 : secondsSince(work.quietSince, io);
  await addStage(work, io);
  const { bytes, files } = work.totals;
  const sums = { started: started.toISOString(), seconds: secondsSince(started, io), secondsStopped, bytes, files };
  return serviceReport(service, work.tasks, sums);
}

/** A service under way. */
interface ServiceWork {
  /** Where the service is in the archive: `type/name`. */
  readonly prefix: string;
  readonly stage: string;
  /** In the order of prepare. */
  readonly tasks: readonly TaskProgress[];
  /** Tasks whose prepare has begun. */
  readonly prepared: TaskProgress[];
  readonly totals: { bytes: number; files: number };
  quietSince: Date | undefined;
}

async function openService(service: Service, io: ServiceIo): Promise<ServiceWork> {
  const stage = await createStage(io.work, service);
  await stageConfig(stage, service.file);
  const tasks = service.tasks
    .map((task) => {
      const entry = undoEntryOf(service, task);
      return beginTask(task, entry, createTaskContext(entry, stage, io));
    })
    .sort((a, b) => (a.task.plugin.order ?? DEFAULT_ORDER) - (b.task.plugin.order ?? DEFAULT_ORDER));
  const prefix = `${service.type}/${service.name}`;
  await io.archive.addDirectory(service.type);
  await io.archive.addDirectory(prefix);
  return { prefix, stage, tasks, prepared: [], totals: { bytes: 0, files: 0 }, quietSince: undefined };
}

async function prepareAll(work: ServiceWork, io: ServiceIo): Promise<boolean> {
  for (const progress of work.tasks) {
    const { plugin } = progress.task;
    if (plugin.prepare === undefined && plugin.post === undefined) continue;
    const begun = io.now();
    const done = await attempt(progress, 'prepare', io, async () => {
      // On disk before prepare acts: whatever happens now, the next run knows that post has to be called.
      await io.journal.write(progress.entry);
      work.prepared.push(progress);
      await plugin.prepare?.(progress.context);
    });
    if (progress.context.remembered() !== undefined) work.quietSince ??= begun;
    if (!done) return false;
  }
  return true;
}

async function runAll(work: ServiceWork, io: ServiceIo): Promise<void> {
  for (const progress of work.tasks) {
    await attempt(progress, 'run', io, async () => {
      ranWell(progress, await progress.task.plugin.run(progress.context));
      await requireFreeSpace(work.stage, io.minFreeBytes);
    });
  }
  for (const progress of work.tasks) await attempt(progress, 'read', io, () => addTrees(work, progress, io));
}

/**
 * `post` gets a signal of its own: a run that is to end must still put back what it has changed.
 * @throws BackupError when the run is to end and something could not be put back: nobody would be told otherwise
 */
async function postAll(work: ServiceWork, io: ServiceIo): Promise<void> {
  const failures: string[] = [];
  for (const progress of [...work.prepared].reverse()) {
    progress.context.log.debug('post');
    try {
      await progress.task.plugin.post?.({ ...progress.context, signal: new AbortController().signal });
      await io.journal.remove(progress.entry);
    } catch (error) {
      // The journal keeps its entry: the next run, or `backup-client recover`, tries again.
      failureOf(progress, 'post', error);
      failures.push(`${work.prefix}: ${progress.task.key}: ${describeError(error)}`);
    }
  }
  if (!io.signal.aborted || failures.length === 0) return;
  const what = failures.join('\n');
  throw new BackupError(
    'failed',
    `The run was ended, and this could not be put back (try: backup-client recover):\n${what}`,
  );
}

async function addTrees(work: ServiceWork, progress: TaskProgress, io: ServiceIo): Promise<void> {
  for (const tree of progress.result.trees ?? []) {
    const prefix = `${work.prefix}/${tree.into}`;
    await io.archive.addDirectory(prefix);
    const exclude = [...tree.exclude, ...io.exclude];
    await addTree(work, progress, io, { ...tree, prefix, exclude, parents: true });
    await requireFreeSpace(work.stage, io.minFreeBytes);
  }
}

/** The stage comes last: compressing the dumps must not keep the service waiting. */
async function addStage(work: ServiceWork, io: ServiceIo): Promise<void> {
  const names = await readdir(work.stage, { encoding: 'buffer' });
  const [first] = work.tasks;
  if (first === undefined || names.length === 0) return;
  const paths = names.map(bytePathOf);
  await attempt(first, 'archive', io, () =>
    addTree(work, first, io, {
      prefix: work.prefix,
      root: work.stage,
      paths,
      exclude: [],
      oneFileSystem: true,
      parents: false,
    }),
  );
}

async function addTree(work: ServiceWork, progress: TaskProgress, io: ServiceIo, tree: TreeRequest): Promise<void> {
  const totals = await io.archive.addTree(tree);
  work.totals.bytes += totals.bytes;
  work.totals.files += totals.files;
  for (const message of totals.failed) failureOf(progress, 'read', new BackupError('failed', message));
  warnOf(progress, totals.warnings);
}

/** The boundary of a step: records what went wrong and goes on, but for the end of the run and a broken archive. */
async function attempt(
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

function secondsSince(begun: Date, io: ServiceIo): number {
  return Math.max(0, (io.now().getTime() - begun.getTime()) / 1000);
}
