// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import { drillOutcome, renderDrill } from '../../report/render-drill.ts';
import { type EmailFacts, footer, type Mail, subject } from './mail-text.ts';

/** The mail about a run of drills. */
export function drillMails(run: RunRecord, facts: EmailFacts): readonly Mail[] {
  const failed = run.hosts.filter(({ status }) => status === 'failed').map(({ host }) => host);
  const again = failed.length === 0 ? [] : [`Once mended: backup-server drill ${failed.join(' ')}`];
  const lines = [...renderDrill(run), '', ...footer(run, facts), ...again];
  const mail = { to: facts.adminEmail, subject: subject(run, facts, drillOutcome(run)), text: `${lines.join('\n')}\n` };
  return [{ ...mail, important: run.status === 'failed' }];
}
