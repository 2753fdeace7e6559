// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { RunResult } from '@local-backup/common/exec';
import type { TarTotals } from '@local-backup/common/tar-limits';
import { MAX_WARNINGS, type MemberFilter } from './archive-members.ts';
import { hostPath, readTarMessages } from './tar-warnings.ts';

/** What is in the archive now, and what was odd about it. */
export interface TreeTotals extends TarTotals {
  /** Files that were left out, or not saved as they should be: the service is not green. One sentence each, bounded. */
  readonly warnings: readonly string[];
  /**
   * What could not be read, file by file, with the reason: the service has failed, though all else is in the archive.
   * One sentence each, bounded; empty where all was read.
   */
  readonly failed: readonly string[];
  /** Members that were left out with a warning, devices for example. */
  readonly dropped: number;
}

export interface TarRunReport {
  readonly totals: TarTotals;
  /** Why reading ended too early. */
  readonly failed: readonly string[];
  readonly filter: MemberFilter;
  /** Undefined where tar had to be ended. */
  readonly result: RunResult | undefined;
  readonly root: string;
}

/** GNU tar: some files changed while they were read. */
const EXIT_CHANGED = 1;
/** GNU tar: something could not be read. */
const EXIT_FAILED = 2;

/** Sums up one run of tar. */
export function totalsOf({ totals, failed, filter, result, root }: TarRunReport): TreeTotals {
  const said = readTarMessages(result?.stderr ?? '', root);
  const hasFailed = result?.exitCode === EXIT_FAILED;
  const truncated = result?.truncated ?? false;
  const warnings = [...said.warnings, ...(hasFailed ? [] : said.errors), ...filter.warnings];
  const errors = [...failed, ...(hasFailed ? said.errors : [])];
  if (result?.exitCode === EXIT_CHANGED && warnings.length === 0)
    warnings.push('tar reports files that changed while they were read, without naming them');
  if (hasFailed && errors.length === 0) errors.push('tar reports files that could not be read, without naming them');
  return {
    ...totals,
    warnings: shortened(warnings, filter.dropped - filter.warnings.length, truncated && !hasFailed),
    failed: shortened(errors, 0, truncated && hasFailed),
    dropped: filter.dropped,
  };
}

/** Both runs of tar as one. */
export function addTotals(first: TreeTotals, second: TreeTotals): TreeTotals {
  return {
    files: first.files + second.files,
    entries: first.entries + second.entries,
    bytes: first.bytes + second.bytes,
    warnings: [...first.warnings, ...second.warnings],
    failed: [...first.failed, ...second.failed],
    dropped: first.dropped + second.dropped,
  };
}

/** @throws BackupError `failed` where nothing at all came out of a tree: nobody asks for that */
export function requireEntries({ entries, failed }: TreeTotals, root: string, paths: readonly BytePath[]): void {
  if (entries > 0) return;
  const names = paths.map((path) => hostPath(root, path)).join(', ');
  const message =
    failed.length > 0
      ? `Nothing could be read of ${names}:\n${failed.join('\n')}`
      : `Nothing was saved of ${names}: all of it is excluded, or nothing of it can be saved.`;
  throw new BackupError('failed', message);
}

/** As many as a report has room for. */
function shortened(messages: readonly string[], unnamed: number, truncated: boolean): readonly string[] {
  const more = Math.max(0, messages.length - MAX_WARNINGS) + unnamed;
  const shown = messages.slice(0, MAX_WARNINGS);
  if (more > 0 || truncated) shown.push(`... and ${truncated ? 'more than ' : ''}${more} more`);
  return shown;
}
