// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import { outcomeOf } from '../../report/render-run.ts';
import { renderSummaryText } from '../../report/render-summary.ts';
import { summaryOf } from '../../report/summary.ts';
import { type EmailFacts, footer, type Mail, subject } from './mail-text.ts';

/** The mail about a whole run, with the subjects of the original shell version (C69). */
export function renderSummary(run: RunRecord, facts: EmailFacts, now: Date): Mail {
  const lines = [...renderSummaryText(summaryOf(run, facts, now)), '', ...footer(run, facts)];
  return {
    to: facts.adminEmail,
    subject: subject(run, facts, outcomeOf(run)),
    text: `${lines.join('\n')}\n`,
    important: run.status === 'failed',
  };
}
