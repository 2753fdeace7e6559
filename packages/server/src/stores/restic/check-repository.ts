// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { refusedCheckOptions } from '../../config/restic-options.ts';
import type { Checked, DataShare } from '../upkeep.ts';
import { errorText } from './messages.ts';
import type { Restic } from './restic.ts';
import { checkArgs } from './upkeep-args.ts';

/** Problems that are named; a repository with more than these has one problem, not many. */
const PROBLEMS_NAMED = 50;
const PROBLEM_CHARACTERS = 500;

/** The verb `check` of the upkeep. */
export async function checkRepository(
  { restic, upkeepMs }: { readonly restic: Restic; readonly upkeepMs: number },
  { share, options }: { readonly share: DataShare; readonly options: readonly string[] },
  signal: AbortSignal,
): Promise<Checked> {
  const refused = refusedCheckOptions(options);
  if (refused.length > 0) {
    throw new BackupError('config', `check_options holds what cannot be used for a check: ${refused.join(', ')}.`);
  }
  const args = checkArgs(share, options);
  const result = await restic.call(args, { signal, timeoutMs: upkeepMs, locks: true, tolerate: ['damaged'] });
  return { problems: result.failure === undefined ? [] : problemsIn(result.stderr) };
}

/** Never empty: the last line, which only says that there are errors, counts where nothing else was told. */
function problemsIn(stderr: string): readonly string[] {
  const lines = errorText(stderr)
    .split('\n')
    .map((line) => showControls(line).slice(0, PROBLEM_CHARACTERS));
  const telling = lines.filter((line) => !/ returned error, retrying after |^Load\(.* failed: |^Fatal: /.test(line));
  const problems = telling.length > 0 ? telling : lines;
  if (problems.length <= PROBLEMS_NAMED) return problems;
  return [...problems.slice(0, PROBLEMS_NAMED), `(and ${problems.length - PROBLEMS_NAMED} lines more)`];
}
