// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { CopyRecord } from '@local-backup/common/run-record';
import type { HostProgress } from '../host-attempt.ts';
import { isStale } from '../report/freshness.ts';
import { formatCount, formatTime, humanDuration } from '../report/text.ts';
import type { Trail } from '../report/trail.ts';
import type { CopyStore } from '../stores/copy.ts';

/** One further repository of a host. */
export interface HostCopy {
  readonly name: string;
  /** A copy that lacks snapshots and whose newest one is older than this many milliseconds makes the host `failed`. */
  readonly maxAgeMs: number;
  readonly bring: CopyStore['bring'];
  /** When the newest snapshot there was taken, as far as it was known when the copy was last reached. */
  readonly known: () => Promise<string | undefined>;
  /** Remembers that across runs. */
  readonly remember: (newest: string) => Promise<void>;
}

/** What copying works with; a part of the pipeline's `HostIo`. */
export interface CopyIo {
  /** Missing: the host has no further repository. */
  readonly copies?: readonly HostCopy[] | undefined;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/** A dry run copies nothing, and neither does a host whose newest snapshot is not whole. */
export function hasToCopy(
  { copies = [], dryRun }: Pick<CopyIo, 'copies'> & { readonly dryRun: boolean },
  { facts }: HostProgress,
): boolean {
  return copies.length > 0 && !dryRun && facts.incomplete !== true;
}

/**
 * Brings the further repositories of a host up to date, after its backup: the archive is stored, the host has been told, and
 * a slow or broken line costs nothing but time. What could not be copied today is copied with the next run. It is a warning
 * until the copy is older than it may be, which is a failure.
 */
export async function copyHost(io: CopyIo, { trail, facts }: HostProgress): Promise<void> {
  const { copies = [] } = io;
  const records: CopyRecord[] = [];
  facts.copies = records;
  for (const copy of copies) records.push(await copyTo(copy, io, trail));
}

async function copyTo(copy: HostCopy, io: CopyIo, trail: Trail): Promise<CopyRecord> {
  const started = io.now().getTime();
  const done = (outcome: Omit<CopyRecord, 'name' | 'seconds'>): CopyRecord => {
    return { name: copy.name, seconds: Math.max(0, (io.now().getTime() - started) / 1000), ...outcome };
  };
  const step = `copy ${copy.name}`;
  try {
    const { copied, newest } = await copy.bring(io.signal);
    if (newest !== undefined) await copy.remember(newest);
    await trail.step(step, async () => undefined);
    const message = copied === 0 ? 'nothing was missing' : `snapshots copied: ${formatCount(copied)}`;
    return done({ status: 'success', message, ...(newest === undefined ? {} : { newest }) });
  } catch (error) {
    if (!(error instanceof BackupError) || isEnded(io.signal)) throw error;
    return done(await behind(copy, error, { io, trail, step }));
  }
}

/** By a signal. The time limit of the host is no reason to call its backup, which is stored, a failed one. */
function isEnded({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof BackupError && reason.code === 'failed');
}

/** How bad it is that a copy was not brought up to date depends on its age alone. */
async function behind(
  copy: HostCopy,
  error: BackupError,
  { io, trail, step }: { readonly io: CopyIo; readonly trail: Trail; readonly step: string },
): Promise<Pick<CopyRecord, 'status' | 'message' | 'newest'>> {
  const newest = await copy.known();
  const tooOld = isStale(newest, copy.maxAgeMs, io.now());
  const message = behindText(copy, newest, { reason: error.message, now: io.now() });
  if (tooOld) await trail.step(step, () => Promise.reject(new BackupError(error.code, message))).catch(() => undefined);
  else trail.warn(step, message);
  return { status: tooOld ? 'failed' : 'warning', message, ...(newest === undefined ? {} : { newest }) };
}

function behindText(
  { name, maxAgeMs }: HostCopy,
  newest: string | undefined,
  { reason, now }: { readonly reason: string; readonly now: Date },
): string {
  const allowed = `at most ${humanDuration(maxAgeMs)} is allowed (max_age of the copy)`;
  const age =
    newest === undefined
      ? `nothing was ever copied there as far as is known, ${allowed}`
      : `its newest snapshot is of ${formatTime(newest)}, ${ageOf(newest, now)}, ${allowed}`;
  return `The copy "${name}" is behind: ${age}. The first repository is not concerned, and the next run copies what is missing. ${reason}`;
}

function ageOf(time: string, now: Date): string {
  const age = now.getTime() - new Date(time).getTime();
  return age >= 0 ? `${humanDuration(age)} old` : "which is in the future: check the server's clock";
}
