// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir } from 'node:fs/promises';
import { showControls } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { BackupError, InterruptedError } from '@local-backup/common/errors';
import type { History } from '../stores/history.ts';
import { createTarget, requireEmptyTarget, requireRoom, requireUnusedTarget } from '../stores/restore-target.ts';
import { type VerifiedTree, verifyTree } from '../tree/verify-tree.ts';
import type { Measured } from './restore-measure.ts';
import { measure } from './restore-measure.ts';
import { clearTheWay, type OverwritePlan, planOverwrite } from './restore-overwrite.ts';
import { chooseService, type Selection, selectParts } from './restore-selection.ts';
import { openProof, type SnapshotProof } from './snapshot-proof.ts';

export interface RestoreJob {
  readonly history: History;
  /** The whole id. */
  readonly snapshot: string;
  readonly target: string;
  /** Services by `type/name` or name, and globs within them or the tree; both empty: everything. */
  readonly services: readonly string[];
  readonly paths: readonly string[];
  readonly overwrite: boolean;
  readonly verify: boolean;
  readonly checkSpace: boolean;
  readonly signal: AbortSignal;
  readonly watch: RestoreWatch;
}

/** Told as the restore goes on. Sizes in bytes. */
export interface RestoreWatch {
  /** The entry list cannot be read: the restore goes on without it, for something may be saved. */
  readonly unproven: (error: unknown) => void;
  /** `measured` is undefined where the snapshot has no entry list to tell it. */
  readonly restoring: (selection: Selection, measured: Measured | undefined) => void;
  /** Not all could be restored; what came back is compared all the same, to tell what is missing. */
  readonly failed: (error: BackupError) => void;
  readonly verifying: (measured: Measured) => void;
  readonly verified: (bytes: number) => void;
}

export interface Restored {
  readonly selection: Selection;
  readonly measured: Measured | undefined;
  /** Undefined where it was not wanted, or there is no entry list. */
  readonly verified: VerifiedTree | undefined;
  /** The snapshot has an entry list, or should have, and it could not be read. */
  readonly isListUnreadable: boolean;
  /** Why not all could be restored; `verified` tells what is missing then. */
  readonly failure: BackupError | undefined;
}

/**
 * Restores a snapshot, or a part of it, into a directory, and compares what came out with the entry list that was saved
 * with it. That something differs is an answer, not an error.
 *
 * @throws BackupError where nothing can be restored (then nothing was changed), or the restore failed; what was restored
 *   until then stays
 */
export async function restoreSnapshot(job: RestoreJob): Promise<Restored> {
  const { history, snapshot, target, signal } = job;
  if (!job.overwrite) await requireUnusedTarget(target);
  let isListUnreadable = false;
  const goOnWithout = (error: unknown): void => {
    signal.throwIfAborted();
    if (!isUnreadable(error)) throw error;
    isListUnreadable = true;
    job.watch.unproven(error);
  };
  let proof = await openProof(history, snapshot, signal).catch((error: unknown): SnapshotProof => {
    if (job.services.length > 0) throw error;
    goOnWithout(error);
    return NO_PROOF;
  });
  try {
    const selection = await selectionOf(job, proof);
    const measured = await measuredIn(selection, proof).catch((error: unknown) => {
      goOnWithout(error);
      proof = { ...proof, entries: undefined };
      return undefined;
    });
    const plan = job.overwrite ? await planFor(job, selection, proof) : undefined;
    if (job.checkSpace && measured !== undefined) {
      await requireRoom(target, { bytes: measured.needed - (plan?.reused ?? 0), entries: measured.entries });
    }
    job.watch.restoring(selection, measured);
    const restoring = putBack(job, selection, { plan, verify: job.verify && proof.entries === undefined });
    const failure = await restoring.catch((error: unknown) => {
      if (!isUnreadable(error) || measured === undefined || !job.verify) throw error;
      job.watch.failed(error);
      return error;
    });
    if (measured === undefined) await requireRestored(target, selection);
    const compared = await verified(job, selection, { proof, measured });
    return { selection, measured, verified: compared, isListUnreadable, failure: failure ?? undefined };
  } finally {
    await proof.remove();
  }
}

/** A repository that is locked, or not opened at all, says nothing about what is in it. */
function isUnreadable(error: unknown): error is BackupError {
  return error instanceof BackupError && (error.code === 'failed' || error.code === 'untrusted');
}

/** What matches nothing is no error for the store, and there was no list to look into before. */
async function requireRestored(target: string, { include }: Selection): Promise<void> {
  if (include.length === 0 || (await readdir(target)).length > 0) return;
  throw new BackupError(
    'usage',
    `Nothing in the snapshot matches ${quoted(include)}; nothing was restored. "backup-server ls" shows what there is.`,
  );
}

function quoted(globs: readonly string[]): string {
  return globs.map((glob) => `"${showControls(glob)}"`).join(', ');
}

const NO_PROOF: SnapshotProof = {
  paths: [],
  entries: undefined,
  manifest: () => Promise.reject(new BackupError('failed', 'The manifest of the snapshot cannot be read.')),
  remove: async () => undefined,
};

async function selectionOf({ services, paths }: RestoreJob, proof: SnapshotProof): Promise<Selection> {
  if (services.length === 0) return selectParts([], paths);
  const manifest = await proof.manifest();
  const chosen = services.map((service) => chooseService(manifest, service));
  return selectParts(chosen, paths);
}

/** @throws BackupError `usage` where one of the globs matches nothing: a part that is missing must not go unnoticed */
async function measuredIn({ globs, selects }: Selection, { entries }: SnapshotProof): Promise<Measured | undefined> {
  if (entries === undefined) return undefined;
  const unmatched = new Set(globs);
  const measured = await measure(entries, (path) => {
    for (const glob of unmatched) if (glob.covers(path)) unmatched.delete(glob);
    return selects(path);
  });
  if (unmatched.size === 0) return measured;
  const wanted = quoted([...unmatched].map(({ text }) => text));
  throw new BackupError(
    'usage',
    `Nothing in the snapshot matches ${wanted}; nothing was restored. Globs begin at the top of the tree ("**/NAME" ` +
      `finds a name anywhere). There are: ${measured.top.join(', ')}`,
  );
}

async function planFor({ target, signal }: RestoreJob, selection: Selection, proof: SnapshotProof) {
  const { entries } = proof;
  if (entries !== undefined) return planOverwrite(target, chosen(entries(), selection, proof), signal);
  throw new BackupError(
    'usage',
    'The snapshot has no list of its entries, so what it would write over cannot be looked at before. Restore it into ' +
      'an empty directory.',
  );
}

/** The entries that will be restored, the proof included where it is selected. */
async function* chosen(
  entries: AsyncIterable<readonly Entry[]>,
  { selects }: Selection,
  { paths }: SnapshotProof,
): AsyncGenerator<readonly Entry[], void, void> {
  yield paths.map(fileAt).filter(({ path }) => selects(path));
  for await (const batch of entries) yield batch.filter(({ path }) => selects(path));
}

/** Only path and type are looked at. */
function fileAt(path: string): Entry {
  return { path: path as Entry['path'], type: 'file', mode: 0, uid: 0, gid: 0, size: 0, mtimeNs: 0n };
}

async function putBack(
  { history, snapshot, target, signal }: RestoreJob,
  { include }: Selection,
  { plan, verify }: { readonly plan: OverwritePlan | undefined; readonly verify: boolean },
): Promise<void> {
  await createTarget(target);
  if (plan === undefined) await requireEmptyTarget(target);
  try {
    if (plan !== undefined) await clearTheWay(target, plan, signal);
    await history.restore({ snapshot, target, include, verify }, signal);
  } catch (error) {
    if (!(error instanceof BackupError) || error instanceof InterruptedError) throw error;
    const { code, message } = error;
    throw new BackupError(code, `${message}\nWhat is in ${showControls(target)} is not complete.`, { cause: error });
  }
}

async function verified(
  { target, overwrite, verify, signal, watch }: RestoreJob,
  { include, selects }: Selection,
  { proof, measured }: { readonly proof: SnapshotProof; readonly measured: Measured | undefined },
): Promise<VerifiedTree | undefined> {
  if (!verify || proof.entries === undefined || measured === undefined) return undefined;
  watch.verifying(measured);
  return verifyTree(target, proof.entries(), {
    ...(include.length === 0 ? {} : { select: selects }),
    amongOthers: overwrite,
    signal,
    onProgress: ({ bytes }) => watch.verified(bytes),
  });
}
