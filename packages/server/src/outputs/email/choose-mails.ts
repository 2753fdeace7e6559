// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import { planSummary } from '../../report/mail-plan.ts';
import { renderRuns } from '../../report/render-runs.ts';
import { summaryOf } from '../../report/summary.ts';
import { type EmailFacts, footer, type Mail } from './mail-text.ts';
import { renderHtml } from './render-html.ts';

/**
 * Of the mails about a run those that are wanted, as `reports` in the configuration says: the summary, a digest or none.
 * Mails about single hosts go through. A summary that has no HTML gets one. Pure.
 */
export function chosenMails(
  mails: readonly Mail[],
  run: RunRecord,
  { facts, now }: { readonly facts: EmailFacts; readonly now: Date },
): readonly Mail[] {
  // Only a backup makes hosts fresh, so only its mails tell which of them are not.
  const hosts = run.command === 'backup' ? facts.hosts : [];
  const { reports, history, drillMaxAgeMs } = facts;
  const plan = planSummary(run, { mode: reports.mail, history, hosts, drillMaxAgeMs }, now);
  return mails.flatMap((mail) => {
    if (mail.kind === 'host') return [mail];
    if (!plan.send) return [];
    const earlier = plan.earlier.length === 0 ? [] : renderRuns([run, ...plan.earlier], []);
    return [withHtml(asDigest(mail, plan.earlier, earlier), run, { facts, now, earlier })];
  });
}

/** The same mail, which tells of earlier runs first; the beginning of its subject stays, for mail filters. */
function asDigest(mail: Mail, runs: readonly RunRecord[], lines: readonly string[]): Mail {
  if (runs.length === 0) return mail;
  const failed = runs.filter(({ status }) => status === 'failed' || status === 'running').length;
  const bad = failed === 0 ? '' : `, ${failed} of them failed`;
  return {
    ...mail,
    subject: `${mail.subject} (and ${runs.length} earlier ${runs.length === 1 ? 'run' : 'runs'}${bad})`,
    text: `${['Runs since the last digest, newest first:', '', ...lines, '', 'The newest one:', '', mail.text].join('\n')}`,
    important: mail.important || failed > 0,
  };
}

function withHtml(
  mail: Mail,
  run: RunRecord,
  { facts, now, earlier }: { readonly facts: EmailFacts; readonly now: Date; readonly earlier: readonly string[] },
): Mail {
  if (mail.html !== undefined) return mail;
  // The text of the other commands tells nothing of the past either.
  const hosts = run.command === 'backup' ? facts.hosts : [];
  const summary = summaryOf(run, { ...facts, hosts }, now);
  return { ...mail, html: renderHtml(summary, { title: mail.subject, footer: footer(run, facts), earlier }) };
}
