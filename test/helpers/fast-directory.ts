// SPDX-License-Identifier: AGPL-3.0-or-later
import { accessSync, constants, mkdtempSync, readFileSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** In memory, on every Linux; in a container it may be small, and no place for programs. */
const MEMORY = '/dev/shm';

/** Several files of tests, with their servers and copies. */
const ENOUGH_BYTES = 2 * 1024 ** 3;

/** A temporary directory for what waits for the disk all the time, in memory where there is room. */
export function fastDirectory(prefix: string): string {
  return mkdtempSync(join(isFit() ? MEMORY : tmpdir(), prefix));
}

function isFit(): boolean {
  try {
    accessSync(MEMORY, constants.W_OK);
    if (!/ \/dev\/shm tmpfs (?!\S*noexec)/.test(readFileSync('/proc/mounts', 'utf8'))) return false;
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= ENOUGH_BYTES;
  } catch {
    return false;
  }
}
