// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { RunRecord } from '@local-backup/common/run-record';

/** A mail in plain text, before anybody has sent it. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** Something failed: marked as urgent. */
  readonly important: boolean;
}

/** What the mails have to know beside the run itself. */
export interface EmailFacts {
  /** `[Backup Server]`; in front of every subject. */
  readonly prefix: string;
  /** Gets the summary, and what concerns hosts without an address of their own. */
  readonly adminEmail: string;
  /** Address by host name. */
  readonly hostEmails: ReadonlyMap<string, string>;
  /** Where the log of the run is to be found, for people. */
  readonly log: string;
  /** Directory of the run records. */
  readonly recordDirectory: string;
}

/** `<prefix> <server> - <what>`, in one line whatever it contains. */
export function subject(run: RunRecord, facts: EmailFacts, what: string): string {
  return showControls([facts.prefix, run.hostname, '-', what].filter((part) => part !== '').join(' '));
}

/** Where to read on. */
export function footer(run: RunRecord, facts: EmailFacts): readonly string[] {
  return [
    `Log:    ${facts.log}`,
    `Record: ${facts.recordDirectory}/${run.id}.json`,
    'State of all hosts: backup-server status',
  ];
}
