// SPDX-License-Identifier: AGPL-3.0-or-later
import { HOSTNAME_PATTERN } from '../archive-name.ts';
import { BackupError } from '../errors.ts';
import type { Run } from '../exec.ts';

/** A name server that does not answer must not hold up a backup. */
const LOOKUP_TIMEOUT_MS = 10_000;

/**
 * What `hostname -f` prints, as in the original. Undefined where it fails or names nobody in particular: a client that
 * took its short name on such a day would write archives that the server does not look for.
 */
export async function systemHostname(run: Run): Promise<string | undefined> {
  const name = await fullHostname(run);
  return HOSTNAME_PATTERN.test(name) && !/^localhost\b/.test(name) ? name : undefined;
}

async function fullHostname(run: Run): Promise<string> {
  try {
    const { stdout } = await run('hostname', ['-f'], { timeoutMs: LOOKUP_TIMEOUT_MS });
    return stdout.trim();
  } catch (error) {
    if (error instanceof BackupError && error.code === 'failed') return '';
    throw error;
  }
}
