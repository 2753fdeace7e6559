// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import { outcomeOf } from '../../report/render-run.ts';
import { renderSummaryText } from '../../report/render-summary.ts';
import { summaryOf } from '../../report/summary.ts';
import { type EmailFacts, footer, type Mail, subject } from './mail-text.ts';

/** Hosts that a subject names. */
const SHOWN_HOSTS = 3;

/** The mail about a whole run, with the subjects of the original shell version (C69). */
export function renderSummary(run: RunRecord, facts: EmailFacts, now: Date): Mail {
  const suspicious = run.hosts.filter(({ suspicion }) => suspicion !== undefined).map(({ host }) => host);
  const lines = [...renderSummaryText(summaryOf(run, facts, now)), '', ...footer(run, facts)];
  return {
    to: facts.adminEmail,
    subject: subject(run, facts, `${outcomeOf(run)}${suspicionText(suspicious)}`),
    text: `${lines.join('\n')}\n`,
    important: run.status === 'failed' || suspicious.length > 0,
  };
}

/** Nobody should have to open a mail to see that it may be about ransomware; the beginning stays, for mail filters. */
function suspicionText(hosts: readonly string[]): string {
  if (hosts.length === 0) return '';
  return `, SUSPICIOUS: ${hosts.slice(0, SHOWN_HOSTS).join(', ')}${hosts.length > SHOWN_HOSTS ? ', ...' : ''}`;
}
