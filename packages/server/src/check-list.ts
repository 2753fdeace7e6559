// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Status } from '@local-backup/common/status';

/** One thing that a run relies on. */
export interface Check {
  /** `server`, or the host that it is about. */
  readonly about: string;
  readonly name: string;
  /** Resolves with what was found, or throws a BackupError that says what is wrong and how to mend it. */
  readonly work: () => Promise<Finding>;
}

/** What was found, or as `warning` what is not as it should be though a run can succeed, or as `failed` why it cannot. */
export type Finding = string | { readonly warning: string } | { readonly failed: string };

export interface CheckResult {
  readonly about: string;
  readonly name: string;
  readonly status: Extract<Status, 'success' | 'warning' | 'failed'>;
  readonly message: string;
}

/** Makes all checks one after the other; a boundary that catches errors, as each of them is a finding. */
export async function runChecks(
  checks: readonly Check[],
  signal: AbortSignal,
  onResult: (result: CheckResult) => void,
): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of checks) {
    signal.throwIfAborted();
    const result = await makeCheck(check);
    onResult(result);
    results.push(result);
  }
  return results;
}

async function makeCheck({ about, name, work }: Check): Promise<CheckResult> {
  try {
    const found = await work();
    if (typeof found === 'string') return { about, name, status: 'success', message: found };
    if ('failed' in found) return { about, name, status: 'failed', message: found.failed };
    return { about, name, status: 'warning', message: found.warning };
  } catch (error) {
    if (error instanceof BackupError && error.code === 'interrupted') throw error;
    return { about, name, status: 'failed', message: describeError(error) };
  }
}
