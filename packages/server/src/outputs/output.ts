// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';

/** Turns run records into something that somebody reads. One folder under `outputs/`, one line in `outputs/index.ts`. */
export interface Output<Rendered = unknown> {
  readonly name: string;
  /** What there is to deliver about a run. Pure: the same record and clock give the same result. */
  render(run: RunRecord, now: Date): readonly Rendered[];
  /** Takes one of them where it belongs: a mail server, a file, a socket. @throws BackupError when that is not possible. */
  deliver(item: Rendered): Promise<void>;
  /** One line for the log about an item: `mail "..." to admin@example.com`. */
  describe(item: Rendered): string;
}

/** Keeps the type of what is rendered inside the output while a list holds outputs of all kinds. */
export function defineOutput<Rendered>(output: Output<Rendered>): Output {
  return output as Output;
}
