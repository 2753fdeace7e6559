// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BytePath, bytePathOfText, bytesOf, displayPath } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { checkedPaths } from './archive-paths.ts';
import type { HostRead, Tree } from './plugin.ts';
import { attempt, type ServiceIo, type ServiceWork } from './service-work.ts';
import { failureOf, noteOf, type TaskProgress } from './task-progress.ts';
import { isWithin, sharedPath } from './tree-overlaps.ts';

/** What a task has in the archive, or will have: paths inside the directory of the service. */
interface Taken {
  readonly by: string;
  readonly place: BytePath;
}

/**
 * Called when all tasks have told their trees, before one is read. What would come to a place of the archive that another
 * task has taken is refused: a server takes no archive in which a path is twice, so it would cost the host all its
 * services. What two tasks read from the same place of the host is only noted: it is saved twice.
 */
export async function placeTrees(work: ServiceWork, io: ServiceIo): Promise<void> {
  const taken: Taken[] = [];
  const before: TaskProgress[] = [];
  for (const progress of work.tasks) {
    await attempt(progress, 'read', io, async () => {
      progress.result = { ...progress.result, trees: await placeTask(progress, taken, work) };
    });
    for (const other of before) noteShared(progress, other);
    before.push(progress);
  }
}

/** @returns the trees that can be read, without the paths that have no place */
async function placeTask(progress: TaskProgress, taken: Taken[], work: ServiceWork): Promise<readonly Tree[]> {
  const { key: by } = progress.task;
  const fitting: Tree[] = [];
  const own: Taken[] = [];
  for (const tree of progress.result.trees ?? []) {
    const paths: BytePath[] = [];
    const problems: string[] = [];
    for (const path of checkedPaths(tree.paths)) {
      const place = placeOf(tree, path);
      const problem = clashBetween(place, taken) ?? (await clashInStage(place, progress, work));
      if (problem !== undefined) problems.push(problem);
      else {
        paths.push(path);
        own.push({ by, place });
      }
    }
    if (paths.length > 0) fitting.push({ ...tree, paths });
    refuse(progress, problems);
  }
  // What one plugin names itself, it has to keep apart itself: it knows what it leaves out.
  taken.push(...own);
  return fitting;
}

/** So many are told one by one. */
const MOST_REFUSALS = 10;

function refuse(progress: TaskProgress, problems: readonly string[]): void {
  const left = problems.length - MOST_REFUSALS;
  const told = [...problems.slice(0, MOST_REFUSALS), ...(left > 0 ? [`${left} more of its paths are not saved.`] : [])];
  for (const problem of told) failureOf(progress, 'read', new BackupError('failed', problem));
}

function placeOf({ into }: Tree, path: BytePath): BytePath {
  const top = bytePathOfText(into);
  return path === '.' ? top : (`${top}/${path}` as BytePath);
}

function clashBetween(place: BytePath, taken: readonly Taken[]): string | undefined {
  const other = taken.find((one) => isWithin(one.place, place) || isWithin(place, one.place));
  return other && `\`${other.by}\` puts ${displayPath(other.place)} into the archive${refusal(place)}`;
}

/** What another task has left in the stage is a dump, which may be nowhere else: it stays, and the tree gives way. */
async function clashInStage(
  place: BytePath,
  progress: TaskProgress,
  { stage, owners }: ServiceWork,
): Promise<string | undefined> {
  const owner = owners.ownerOf(place);
  if (owner === undefined || owner === progress) return undefined;
  const isThere = await lstat(Buffer.concat([Buffer.from(`${stage}/`), bytesOf(place)])).then(
    () => true,
    // A file where a directory of the tree would be.
    (error: NodeJS.ErrnoException) => error.code === 'ENOTDIR',
  );
  return isThere ? `\`${owner.task.key}\` has left something there in its directory${refusal(place)}` : undefined;
}

function refusal(place: BytePath): string {
  return (
    `, where ${displayPath(place)} of this task would go: it is not saved, because a server refuses an archive in which a ` +
    'path is twice. Let one of the two tasks save it, or make them two services.'
  );
}

function noteShared(progress: TaskProgress, other: TaskProgress): void {
  const others = readsOf(other);
  for (const read of readsOf(progress)) {
    const shared = others.map((one) => sharedPath(read, one)).find((path) => path !== undefined);
    if (shared === undefined) continue;
    const path = displayPath(bytePathOfText(shared));
    noteOf(
      progress,
      `${path} is in the archive twice: \`${other.task.key}\` saves it too. Leave it out of one with \`exclude\`.`,
    );
  }
}

function readsOf({ result: { trees = [] } }: TaskProgress): readonly HostRead[] {
  return trees.flatMap(({ root, shows = root, paths, exclude }) =>
    paths.map((path) => ({ root: shows, path: join(shows, bytesOf(path).toString()), exclude })),
  );
}
