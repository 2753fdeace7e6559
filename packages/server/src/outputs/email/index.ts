// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { RunRecord } from '@local-backup/common/run-record';
import { defineOutput, type Output } from '../output.ts';
import { chosenMails } from './choose-mails.ts';
import type { EmailFacts, Mail } from './mail-text.ts';
import { drillMails } from './render-drill.ts';
import { renderHost } from './render-host.ts';
import { maintenanceMails } from './render-maintenance.ts';
import { renderSummary } from './render-summary.ts';

/** Hands a finished mail to whatever carries it. @throws BackupError when it was not accepted. */
export type SendMail = (mail: Mail) => Promise<void>;

/** Mails about a run. */
export function createEmailOutput(facts: EmailFacts, send: SendMail): Output {
  return defineOutput<Mail>({
    name: 'email',
    render: (run, now) => chosenMails(MAILS[run.command]?.(run, facts, now) ?? [], run, { facts, now }),
    deliver: send,
    describe: (mail) => showControls(`mail "${mail.subject}" to ${mail.to}`),
  });
}

/** What each command has to say. */
const MAILS: Readonly<Record<string, (run: RunRecord, facts: EmailFacts, now: Date) => readonly Mail[]>> = {
  backup: backupMails,
  maintenance: maintenanceMails,
  drill: drillMails,
};

/** One mail for each host that failed or was skipped, then the summary. */
function backupMails(run: RunRecord, facts: EmailFacts, now: Date): readonly Mail[] {
  const ofHosts = run.hosts.map((host) => renderHost(host, run, facts));
  return [...ofHosts.filter((mail) => mail !== undefined), renderSummary(run, facts, now)];
}
