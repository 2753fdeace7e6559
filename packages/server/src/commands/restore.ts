// SPDX-License-Identifier: AGPL-3.0-or-later
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { describeSelection, renderVerified } from '../report/render-restore.ts';
import { dangersOf } from '../restore/place-dangers.ts';
import { requireOwnPlace } from '../restore/restore-place.ts';
import { type Restored, type RestoreWatch, restoreSnapshot } from '../restore/restore-snapshot.ts';
import { describeFound, type FoundSnapshot, findSnapshot, foundAsJson } from './find-snapshot.ts';
import { createProgress } from './progress.ts';
import { historyOf } from './repositories.ts';
import { restoreToHost } from './restore-to-host.ts';
import type { Session } from './session.ts';

export interface RestoreOptions {
  /** Id of a snapshot, or `latest`; for a host that is named without `@`. */
  readonly snapshot?: string;
  readonly service?: readonly string[];
  readonly path?: readonly string[];
  /** A directory that is empty or does not exist yet; any with `overwrite`. This, or `toHost`. */
  readonly to?: string;
  /** A host of the configuration, whose spool gets the services. */
  readonly toHost?: string;
  readonly overwrite?: boolean;
  /** False with `--no-verify` and `--no-space-check`. */
  readonly verify: boolean;
  readonly spaceCheck: boolean;
}

/**
 * `backup-server restore HOST[@WHEN]`: a snapshot, or a part of it, into a directory of its own (`--to DIR`), or services
 * of it to a host (`--to-host OTHER`).
 */
export async function restore(session: Session, name: string, options: RestoreOptions): Promise<number> {
  const { to, toHost } = options;
  if (toHost === undefined && to !== undefined) return restoreHere(session, name, { ...options, to });
  if (toHost === undefined || to !== undefined) {
    throw new BackupError('usage', 'Give either --to DIR or --to-host HOST.');
  }
  if ((options.path ?? []).length > 0 || options.overwrite || !options.verify) {
    throw new BackupError(
      'usage',
      '--to-host sends whole services, compared: without --path, --overwrite, --no-verify.',
    );
  }
  const found = await chosenBy(session, name, options.snapshot);
  const services = options.service ?? [];
  return restoreToHost(session, { found, to: toHost, services, checkSpace: options.spaceCheck });
}

async function restoreHere(
  session: Session,
  name: string,
  options: RestoreOptions & { readonly to: string },
): Promise<number> {
  const { json, print, signal, log } = session;
  const target = placeOf(session, options.to);
  const found = await chosenBy(session, name, options.snapshot);
  const say = json ? () => undefined : print;
  say(describeFound(found));
  const progress = createProgress();
  const restored = await restoreSnapshot({
    history: historyOf(found.host, session),
    snapshot: found.snapshot.id,
    target,
    services: options.service ?? [],
    paths: options.path ?? [],
    overwrite: options.overwrite ?? false,
    verify: options.verify,
    checkSpace: options.spaceCheck,
    signal,
    watch: watchWith(session, say, progress, target),
  })
    .catch((error: unknown) => {
      if (signal.aborted) log.warn(`the restore was ended; what is in ${showControls(target)} may not be complete`);
      throw error;
    })
    .finally(progress.end);
  if (json) print(JSON.stringify(asJson(found, target, restored)));
  for (const line of await outcome(target, restored, options)) say(line);
  return exitCodeOf(restored, options.verify);
}

/** @throws BackupError `usage` where nothing may be restored there */
function placeOf({ config, log }: Session, to: string): string {
  if (to === '') throw new BackupError('usage', '--to names nothing. Is a variable of the shell not set?');
  const target = resolve(to);
  requireOwnPlace(target, 'restore into', config);
  for (const danger of dangersOf(target)) log.warn(danger);
  return target;
}

/** @throws BackupError where not all could be restored: why that is comes behind what is missing */
function exitCodeOf({ failure, verified, isListUnreadable }: Restored, wanted: boolean): number {
  if (failure !== undefined) throw failure;
  return (verified?.differenceCount ?? 0) === 0 && !(wanted && isListUnreadable) ? 0 : 1;
}

/** `--snapshot` is how it was chosen before `@` came. */
async function chosenBy(session: Session, name: string, snapshot: string | undefined): Promise<FoundSnapshot> {
  if (snapshot === undefined) return findSnapshot(session, name);
  if (name.includes('@')) throw new BackupError('usage', 'Give either HOST@WHEN or --snapshot, not both.');
  return findSnapshot(session, `${name}@${snapshot}`);
}

function watchWith(
  { log }: Session,
  say: (line: string) => void,
  progress: ReturnType<typeof createProgress>,
  target: string,
): RestoreWatch {
  let total = 0;
  return {
    unproven: (error) => log.warn('the list of entries cannot be read; going on without it', { error }),
    restoring(selection, measured) {
      say(describeSelection(selection, measured));
      total = measured?.bytes ?? 0;
      if (measured !== undefined) progress.followFreeSpace('restored, about', target, total);
    },
    failed: (error) =>
      log.warn('not all could be restored; comparing what came back, to tell what is missing', { error }),
    verifying: () => progress.show('verified', 0, total),
    verified: (bytes) => progress.show('verified', bytes, total),
  };
}

function asJson(found: FoundSnapshot, target: string, { selection, measured, verified }: Restored) {
  const { entries, bytes } = measured ?? {};
  return { ...foundAsJson(found), target, include: selection.include, entries, bytes, verified: verified ?? null };
}

async function outcome(target: string, restored: Restored, options: RestoreOptions): Promise<readonly string[]> {
  const { selection, measured, verified, failure } = restored;
  if (failure !== undefined) return verified === undefined ? [] : renderVerified(target, verified);
  const shown = showControls(target);
  const { mode } = await stat(target);
  const isWhole = selection.include.length === 0;
  const isRight = (verified?.differenceCount ?? 0) === 0;
  return [
    ...(verified === undefined ? [unverified(restored, options.verify)] : renderVerified(target, verified)),
    ...(options.overwrite === true ? [`What was in ${shown} before and is not in the snapshot is there still.`] : []),
    `Restored into ${shown}, ${whoReads(shown, mode & 0o7777)}: <type>/<service>/ for each service of the host.`,
    ...(isRight ? nextSteps(shown, isWhole && measured !== undefined) : []),
  ];
}

function nextSteps(shown: string, hasList: boolean): readonly string[] {
  return [
    `Next: look at it (ls -R ${shown}), then copy what is needed to its place with: rsync -aHAX --numeric-ids`,
    ...(hasList ? [`The list of all entries with their sha256: zcat ${shown}/.backup/entries.gz`] : []),
  ];
}

function unverified({ measured, isListUnreadable }: Restored, wanted: boolean): string {
  if (measured !== undefined || !wanted) return 'NOT verified, as asked.';
  const instead = 'restic itself has read everything again.';
  if (isListUnreadable) return `NOT compared with the list of entries, which cannot be read; ${instead}`;
  return `The snapshot has no list of its entries to compare with (another program made it?): ${instead}`;
}

function whoReads(target: string, mode: number): string {
  if ((mode & 0o077) === 0) return 'which is readable for root only';
  return `which others may look into (mode ${mode.toString(8)}; to close it: chmod 0700 ${target})`;
}
