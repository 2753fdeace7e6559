// SPDX-License-Identifier: AGPL-3.0-or-later
import type { NightlyCommand } from '../commands/broken-config-mail.ts';
import type { Session } from '../commands/session.ts';

type Work = (session: Session) => Promise<number>;

/** Reads the configuration, does the work of a command with it, and takes its exit code. */
export type Start = (work: Work, options?: StartOptions) => Promise<void>;

export interface StartOptions {
  /** Nobody watches a nightly run: what keeps it from beginning goes to the admin by mail. */
  readonly mailBrokenConfig: boolean;
  /** The command that this is, for that mail; default `backup`. */
  readonly command?: NightlyCommand;
}
