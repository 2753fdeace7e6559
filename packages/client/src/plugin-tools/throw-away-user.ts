// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { chown } from 'node:fs/promises';

/** `nobody` and `nogroup` of Debian: an account that owns nothing (base-passwd, since 1997). */
const NOBODY = { uid: 65_534, gid: 65_534 };

/**
 * The account that throw-away instances run as: what they load may be hostile, so never root. The directory and the files
 * are given to it. Programs have to be started with `cwd` in the directory and relative names: the directories above it
 * are closed to this account.
 * @returns for the options of `exec`; nothing where this program is not root itself
 */
export async function giveToThrowAwayUser(...paths: readonly string[]): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  for (const path of paths) await chown(path, NOBODY.uid, NOBODY.gid);
  return NOBODY;
}

/**
 * Words before a program that only reads a copy, which may be hostile, in its place: an account that owns nothing, may read
 * everything, write nothing, and gain nothing by programs with a set-uid bit (setpriv of util-linux, which is on every Debian).
 * @returns nothing where this program is not root itself
 */
export function onlyReading(): readonly string[] {
  if (process.getuid?.() !== 0) return [];
  const account = ['--reuid', String(NOBODY.uid), '--regid', String(NOBODY.gid), '--clear-groups', '--no-new-privs'];
  // In the cage of a drill nobody can have it, and the copy can be read without.
  if (!mayReadAll()) return ['setpriv', ...account, '--inh-caps', '-all', '--bounding-set', '-all', '--'];
  const caps = ['--inh-caps', '-all,+dac_read_search', '--ambient-caps', '+dac_read_search'];
  return ['setpriv', ...account, ...caps, '--bounding-set', '-all,+dac_read_search', '--'];
}

/** Its number in capabilities(7). */
const CAP_DAC_READ_SEARCH = 2n;

/** Whether a program that we start can have CAP_DAC_READ_SEARCH at all. */
function mayReadAll(): boolean {
  const [, bounding = '0'] = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return ((BigInt(`0x${bounding}`) >> CAP_DAC_READ_SEARCH) & 1n) === 1n;
}
