// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { checkForgetPolicy } from '../../config/forget-policy.ts';
import type { Snapshot } from '../store.ts';
import type { Judged } from '../upkeep.ts';
import type { Restic } from './restic.ts';
import { forgetCommands, judgeArgs } from './upkeep-args.ts';
import { parseVerdicts, type Verdict } from './upkeep-messages.ts';

export interface ForgetParts {
  readonly restic: Restic;
  /** Of the whole host, oldest first. */
  readonly snapshots: (signal: AbortSignal) => Promise<readonly Snapshot[]>;
  /** Time limit of a question and of a removal, milliseconds. */
  readonly queryMs: number;
  readonly upkeepMs: number;
}

/** A snapshot that was made between the two looks is no reason to fail; one that comes each time is. */
const LOOKS = 3;

/** The verb `judge` of the upkeep. */
export async function judge(
  parts: ForgetParts,
  policy: readonly string[],
  signal: AbortSignal,
): Promise<readonly Judged[]> {
  const { host } = parts.restic.settings;
  const complaint = checkForgetPolicy(policy.join(' '));
  if (complaint !== undefined) throw new BackupError('config', `The retention policy of ${host} ${complaint}.`);
  for (let look = 0; look < LOOKS; look += 1) {
    const verdicts = await askRestic(parts, policy, signal);
    const judged = matchVerdicts(await parts.snapshots(signal), verdicts);
    if (judged !== undefined) return judged;
  }
  throw new BackupError(
    'failed',
    `What restic would forget of ${host} does not fit the snapshots that it lists: each must be kept or removed, once. ` +
      'Nothing was forgotten. Is another program changing the repository? Run it again when that has ended.',
  );
}

async function askRestic(
  { restic, queryMs }: ForgetParts,
  policy: readonly string[],
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const { host } = restic.settings;
  const lines: string[] = [];
  const onLine = (line: string) => void lines.push(line);
  await restic.call(judgeArgs(host, policy), { signal, timeoutMs: queryMs, onLine });
  const verdicts = parseVerdicts(lines, host);
  if (verdicts !== undefined) return verdicts;
  throw new BackupError(
    'failed',
    `restic forget --dry-run gives no list for ${host} that can be read. Nothing was forgotten. Which restic is that? ` +
      '"backup-server check" tells its version.',
  );
}

/** Undefined where not every snapshot has exactly one verdict. */
function matchVerdicts(snapshots: readonly Snapshot[], verdicts: readonly Verdict[]): readonly Judged[] | undefined {
  const byId = new Map(verdicts.map((verdict) => [verdict.id, verdict]));
  if (byId.size !== verdicts.length || verdicts.length !== snapshots.length) return undefined;
  const judged = snapshots.flatMap((snapshot) => {
    const verdict = byId.get(snapshot.id);
    return verdict === undefined ? [] : [{ ...snapshot, reasons: verdict.reasons }];
  });
  return judged.length === snapshots.length ? judged : undefined;
}

/** The verb `forget` of the upkeep. Ids of other hosts are not in this host's list, so they stay. */
export async function forget(parts: ForgetParts, ids: readonly string[], signal: AbortSignal): Promise<void> {
  const { restic, snapshots, upkeepMs } = parts;
  const { host } = restic.settings;
  const strange = ids.find((id) => !/^[0-9a-f]{64}$/.test(id));
  if (strange !== undefined) {
    throw new BackupError(
      'failed',
      `Nothing was forgotten of ${host}: "${strange}" is not the whole id of a snapshot.`,
    );
  }
  const wanted = new Set(ids);
  const present = async () => (await snapshots(signal)).map(({ id }) => id).filter((id) => wanted.has(id));
  for (const args of forgetCommands(await present())) {
    await restic.call(args, { signal, timeoutMs: upkeepMs, locks: true });
  }
  // Before version 0.19 restic reports success where it could not remove a snapshot.
  const left = await present();
  if (left.length === 0) return;
  throw new BackupError(
    'failed',
    `restic forget reported success, but ${left.length} of ${ids.length} snapshots of ${host} are still there, ` +
      `${left[0]?.slice(0, 8)} for example. May the server remove files of the repository, or is it append-only or ` +
      'mounted read-only?',
  );
}
