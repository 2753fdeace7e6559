// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/** Names of what one task makes: `local-backup-<machine>-<service>-<random>`, each of 8 hexadecimal digits. */
export interface Names {
  /** A name that nothing has yet. */
  readonly fresh: string;
  /**
   * True for names that only an earlier run of this service on this machine can have given. A snapshot that was sent here
   * from another machine, or was cloned with a disk, has another name.
   */
  readonly isOwn: (name: string) => boolean;
}

/** The names for one service. */
export async function namesFor({ type, name }: { readonly type: string; readonly name: string }): Promise<Names> {
  const machine = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  const prefix = `local-backup-${digest(machine.trim() || hostname())}-${digest(`${type}/${name}`)}-`;
  return {
    fresh: `${prefix}${randomBytes(4).toString('hex')}`,
    isOwn: (candidate) => candidate.startsWith(prefix) && /^[0-9a-f]{8}$/.test(candidate.slice(prefix.length)),
  };
}

function digest(text: string): string {
  return createHash('sha256').update(`local-backup ${text}`).digest('hex').slice(0, 8);
}
