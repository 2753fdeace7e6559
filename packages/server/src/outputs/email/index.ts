// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { RunRecord } from '@local-backup/common/run-record';
import { defineOutput, type Output } from '../output.ts';
import type { EmailFacts, Mail } from './mail-text.ts';
import { renderHost } from './render-host.ts';
import { renderSummary } from './render-summary.ts';

/** Hands a finished mail to whatever carries it. @throws BackupError when it was not accepted. */
export type SendMail = (mail: Mail) => Promise<void>;

/** Mails about a run. */
export function createEmailOutput(facts: EmailFacts, send: SendMail): Output {
  return defineOutput<Mail>({
    name: 'email',
    render: (run) => MAILS[run.command]?.(run, facts) ?? [],
    deliver: send,
    describe: (mail) => showControls(`mail "${mail.subject}" to ${mail.to}`),
  });
}

/** What each command has to say. */
const MAILS: Readonly<Record<string, (run: RunRecord, facts: EmailFacts) => readonly Mail[]>> = {
  backup: backupMails,
};

/** One mail for each host that failed or was skipped, then the summary. */
function backupMails(run: RunRecord, facts: EmailFacts): readonly Mail[] {
  const ofHosts = run.hosts.map((host) => renderHost(host, run, facts));
  return [...ofHosts.filter((mail) => mail !== undefined), renderSummary(run, facts)];
}
