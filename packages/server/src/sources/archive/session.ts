// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Remote } from '../../remotes/remote.ts';

/** The connection to a host, made when it is first needed and again after it was dropped. */
export interface Session {
  /** @throws BackupError when the host cannot be reached */
  remote(): Promise<Remote>;
  /** Closes the connection; the next use makes a new one. Never throws. */
  drop(): Promise<void>;
}

export function createSession(connect: () => Promise<Remote>): Session {
  let current: Remote | undefined;
  return {
    async remote() {
      current ??= await connect();
      return current;
    },
    async drop() {
      const remote = current;
      current = undefined;
      await remote?.close();
    },
  };
}
