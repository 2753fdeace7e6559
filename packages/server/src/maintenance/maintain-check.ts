// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { saysWhatToRead } from '../config/restic-options.ts';
import type { DataShare, Upkeep } from '../stores/upkeep.ts';
import type { DataPlan } from './retention.ts';
import type { UpkeepMemory, UpkeepState } from './upkeep-state.ts';

/** What a check of one host's repository needs. */
export interface CheckIo {
  readonly hostname: string;
  readonly upkeep: Pick<Upkeep, 'check'>;
  readonly memory: UpkeepMemory;
  /** Nothing is remembered. */
  readonly dryRun: boolean;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/** One look at a repository. */
export interface PlannedCheck {
  readonly share: DataShare;
  /** Further words for the store's check. */
  readonly options: readonly string[];
  /** How the share is called in records and files: `none`, `all`, `3/12`, `10%`, or who else says how much is read. */
  readonly label: string;
  /** Parts of the round through all data that have been read once this has found nothing; undefined: as many as before. */
  readonly next?: number;
}

/**
 * How much is to be read after the last check: what has found damage is looked at again, not another part, where the
 * damage would not be seen and the repository would pass.
 */
export function planCheck(
  last: UpkeepState['lastCheck'],
  { share, next }: DataPlan,
  options: readonly string[],
): PlannedCheck {
  const usual = saysWhatToRead(options)
    ? { share, options, label: 'check_options' }
    : { share, options, label: shareText(share), next };
  if (last === undefined || last.ok || last.share === 'none') return usual;
  const isSamePart = share.kind === 'part' && usual.label === last.share;
  return isSamePart ? usual : { share: { kind: 'all' }, options: withoutReadData(options), label: 'all', next };
}

/** A look at the structure alone, as cheap as it can be. */
export function planStructureCheck(options: readonly string[]): PlannedCheck {
  return { share: { kind: 'none' }, options: withoutReadData(options), label: 'none' };
}

function withoutReadData(options: readonly string[]): readonly string[] {
  return options.filter((word, index) => {
    return !/^--read-data(?:-subset)?(?:=|$)/.test(word) && options[index - 1] !== '--read-data-subset';
  });
}

function shareText(share: DataShare): string {
  if (share.kind === 'part') return `${share.part}/${share.of}`;
  return share.kind === 'random' ? share.amount : share.kind;
}

/** Lines about damage that are kept and shown; the first ones tell most. */
const MOST_PROBLEMS = 20;

/**
 * Checks a repository and remembers what was found, on disk when it resolves or throws.
 * @throws BackupError `failed` where it is damaged; other ones where it could not be looked at, which changes nothing
 */
export async function checkRepository(io: CheckIo, { share, options, label, next }: PlannedCheck): Promise<void> {
  const { memory, dryRun, now } = io;
  const { problems } = await io.upkeep.check(share, options, io.signal);
  const ok = problems.length === 0;
  const found = { time: now().toISOString(), ok, share: label, problems: problems.slice(0, MOST_PROBLEMS) };
  const change = { lastCheck: found, ...(ok && next !== undefined ? { partsRead: next } : {}) };
  try {
    if (!dryRun) await memory.update(change);
  } finally {
    // That there is no room to remember it must not hide it.
    if (!ok) throwDamaged(io.hostname, problems);
  }
}

function throwDamaged(hostname: string, problems: readonly string[]): never {
  const shown = problems.slice(0, MOST_PROBLEMS);
  const left = problems.length - shown.length;
  const more = left === 0 ? [] : [`... and ${left} more`];
  throw new BackupError(
    'failed',
    [
      `The repository of ${hostname} is damaged. Nothing is forgotten or pruned from now on until it has passed a check. ` +
        'Copy it before you try anything; look at its disk (dmesg, smartctl); docs/guide/locks-and-damage.md tells what ' +
        'to do next. Found:',
      ...shown.map((line) => `  ${line}`),
      ...more,
    ].join('\n'),
  );
}
