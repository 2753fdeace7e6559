// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir } from 'node:fs/promises';
import { bytePathOf } from '@local-backup/common/byte-path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { ManifestService } from '@local-backup/common/manifest';
import type { TreeRequest } from './archive.ts';
import { createStageOwners } from './expect/stage-owners.ts';
import { judgeTasks } from './judge-tasks.ts';
import { placeTrees } from './place-trees.ts';
import { isEarly, placeOf } from './plugin-order.ts';
import { readAfterPost, readBeforePost } from './read-trees.ts';
import { requireNoMounts } from './remove-own.ts';
import type { Service } from './service.ts';
import {
  addTotals,
  attempt,
  pathInService,
  quietSince,
  type ServiceIo,
  type ServiceWork,
  secondsSince,
} from './service-work.ts';
import { createStage, requireFreeSpace, stageConfig } from './stage.ts';
import { createTaskContext, undoEntryOf } from './task-context.ts';
import { beginTask, failureOf, ranWell, serviceReport, type TaskProgress, warnOf } from './task-progress.ts';
import { verifyStage } from './verify-stage.ts';

/** A service that was saved, as far as that went. */
export interface SavedService {
  readonly report: ManifestService;
  /** False where it has failed, and nothing is in the archive but its service.yaml and records. */
  readonly hasData: boolean;
}

/**
 * Saves one service into the archive: prepare all its tasks, run them, read their trees, then post in the opposite
 * order, so that the service is back before anything else happens; then what was held meanwhile, what is in snapshots,
 * and at last the files that the tasks left in the stage. A failing prepare ends the stages of this service, a failing
 * task leaves the others their turn; post is always called, and the run goes on.
 *
 * @throws only when the archive itself is broken, or the run is to end
 */
export async function runService(service: Service, io: ServiceIo): Promise<SavedService> {
  const started = io.now();
  const work = await openService(service, io);
  const secondsStopped = await saveTrees(work, io);
  const filesInTrees = work.totals.files;
  if (secondsStopped > 0) io.log.info(`${work.prefix} stood still for ${secondsStopped.toFixed(1)} s.`);
  await verifyStage(work, service, io);
  await addStage(work, io);
  await judgeTasks(work, io);
  const { bytes, files } = work.totals;
  const sums = { started: started.toISOString(), seconds: secondsSince(started, io), secondsStopped, bytes, files };
  const report = serviceReport(service, work.tasks, sums);
  return { report, hasData: report.status !== 'failed' || filesInTrees > 0 || work.tasks.some(hasDumped) };
}

/** Beside trees, what a task leaves in the stage are records about them. */
function hasDumped({ result: { trees = [] }, tally }: TaskProgress): boolean {
  return trees.length === 0 && tally.saved().files > 0;
}

async function openService(service: Service, io: ServiceIo): Promise<ServiceWork> {
  const stage = await createStage(io.work, service);
  await stageConfig(stage, service.file);
  const owners = createStageOwners<TaskProgress>(stage);
  await owners.claim(undefined);
  const tasks = service.tasks
    .map((task) => {
      const entry = undoEntryOf(service, task);
      return beginTask(task, entry, createTaskContext(entry, stage, io));
    })
    .sort((a, b) => placeOf(a.task) - placeOf(b.task));
  const prefix = `${service.type}/${service.name}`;
  await io.archive.addDirectory(service.type);
  await io.archive.addDirectory(prefix);
  return { prefix, stage, owners, tasks, prepared: [], spoilt: [], held: [], totals: { bytes: 0, files: 0 } };
}

/** @returns the seconds that the service stood still */
async function saveTrees(work: ServiceWork, io: ServiceIo): Promise<number> {
  const inSnapshot = ({ result }: TaskProgress) => result.snapshot === true;
  let secondsStopped = 0;
  try {
    try {
      if (await prepareAll(work, io)) {
        await runAll(work, io);
        await placeTrees(work, io);
        await readBeforePost(work, io);
      }
    } finally {
      await postAll(work, io, (progress) => !inSnapshot(progress));
      const since = quietSince(work);
      if (since !== undefined) secondsStopped = secondsSince(since, io);
    }
    for (const progress of work.spoilt) if (!inSnapshot(progress)) await makeRoom(progress, work, io);
    await readAfterPost(work, io);
  } finally {
    await postAll(work, io, inSnapshot);
  }
  return secondsStopped;
}

/** What runs in a container is also run here: those that come now stop it. */
async function prepareAll(work: ServiceWork, io: ServiceIo): Promise<boolean> {
  for (const progress of work.tasks) {
    if (!(await prepareTask(progress, work, io))) return false;
    if (isEarly(progress.task)) await runTask(progress, work, io);
  }
  return true;
}

async function prepareTask(progress: TaskProgress, work: ServiceWork, io: ServiceIo): Promise<boolean> {
  const { plugin } = progress.task;
  if (plugin.prepare === undefined && plugin.post === undefined) return true;
  const begun = io.now();
  const done = await attempt(progress, 'prepare', io, async () => {
    // On disk before prepare acts: whatever happens now, the next run knows that post has to be called.
    await io.journal.write(progress.entry);
    work.prepared.push(progress);
    await plugin.prepare?.(progress.context);
  });
  if (progress.context.remembered() !== undefined) progress.quietSince = begun;
  // Or it would count as what the first task that is run has left.
  await attempt(progress, 'prepare', io, () => work.owners.claim(progress));
  return done;
}

async function runAll(work: ServiceWork, io: ServiceIo): Promise<void> {
  for (const progress of work.tasks) if (!isEarly(progress.task)) await runTask(progress, work, io);
}

async function runTask(progress: TaskProgress, work: ServiceWork, io: ServiceIo): Promise<void> {
  await attempt(progress, 'run', io, async () => {
    ranWell(progress, await progress.task.plugin.run(progress.context));
    await requireFreeSpace(work.stage, io.minFreeBytes);
  });
  await attempt(progress, 'run', io, () => work.owners.claim(progress));
  if (progress.status !== 'failed') return;
  // What is to be undone may be known only from what is in the stage: its `post` comes first.
  if (work.prepared.includes(progress)) work.spoilt.push(progress);
  else await makeRoom(progress, work, io);
}

/** What has filled the disk, and is not whole, must not cost the other services: neither they nor the archive had room. */
async function makeRoom(progress: TaskProgress, { stage, owners }: ServiceWork, io: ServiceIo): Promise<void> {
  const isFull = await requireFreeSpace(stage, io.minFreeBytes).then(
    () => false,
    () => true,
  );
  if (!isFull || !owners.has(progress)) return;
  await attempt(progress, 'run', io, async () => {
    await requireNoMounts(stage);
    await owners.remove(progress);
    warnOf(progress, ['What it had written was removed: the other services need the room.']);
  });
}

/**
 * `post` gets a signal of its own: a run that is to end must still put back what it has changed.
 * @throws BackupError when the run is to end and something could not be put back: nobody would be told otherwise
 */
async function postAll(work: ServiceWork, io: ServiceIo, isMeant: (progress: TaskProgress) => boolean): Promise<void> {
  const failures: string[] = [];
  for (const progress of work.prepared.filter(isMeant).reverse()) {
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

/** The stage comes last: compressing the dumps must not keep the service waiting. */
async function addStage(work: ServiceWork, io: ServiceIo): Promise<void> {
  const names = await readdir(work.stage, { encoding: 'buffer' });
  const [first] = work.tasks;
  if (first === undefined || names.length === 0) return;
  const { prefix, stage: root } = work;
  const request: TreeRequest = {
    ...{ prefix, root, paths: names.map(bytePathOf), exclude: [], oneFileSystem: true, parents: false },
    onEntry(entry) {
      const path = pathInService(work, entry);
      work.owners.ownerOf(path)?.tally.add(entry, path);
    },
  };
  await attempt(first, 'archive', io, async () => addTotals(work, first, await io.archive.addTree(request)));
}
