// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { RunRecord } from '@local-backup/common/run-record';
import type { ReportConfig } from '../../config/report-schema.ts';
import type { Expectation } from '../../report/freshness.ts';

/** A mail before anybody has sent it. */
export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** The same for readers that show HTML. */
  readonly html?: string;
  /** Something failed: marked as urgent. */
  readonly important: boolean;
  /** Whether it is about one host; `summary` where it is missing. */
  readonly kind?: 'summary' | 'host';
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
  /** Which mails are sent. */
  readonly reports: ReportConfig;
  /** All records of runs that can be read, in any order, with or without that of this run. */
  readonly history: readonly RunRecord[];
  /** The hosts of the configuration and how fresh they have to be. */
  readonly hosts: readonly Expectation[];
  /** A host whose last drill is older than this is overdue. */
  readonly drillMaxAgeMs: number;
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
