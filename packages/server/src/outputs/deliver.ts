// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Log } from '@local-backup/common/log';
import type { RunRecord } from '@local-backup/common/run-record';
import type { Output } from './output.ts';

/**
 * Delivers a finished run to all outputs. One of the four places that catch errors: what cannot be delivered is one
 * line in the log; it stops no other item and never changes the run's result.
 *
 * @returns how many items could not be delivered: any makes the exit code non-zero
 */
export async function deliverOutputs(outputs: readonly Output[], run: RunRecord, now: Date, log: Log): Promise<number> {
  let failures = 0;
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
      log.debug(`delivered: ${what}`);
    } catch (error) {
      failures += 1;
      log.error(`cannot deliver ${what}`, { error });
    }
  };
  for (const output of outputs) {
    await attempt(`output ${output.name}`, async () => {
      for (const item of output.render(run, now)) await attempt(output.describe(item), () => output.deliver(item));
    });
  }
  return failures;
}
