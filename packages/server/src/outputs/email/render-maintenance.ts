// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RunRecord } from '@local-backup/common/run-record';
import { maintenanceOutcome, renderMaintenance } from '../../report/render-maintenance.ts';
import { type EmailFacts, footer, type Mail, subject } from './mail-text.ts';

/** The mail about a maintenance (C75), to whoever looks after the repositories. */
export function maintenanceMails(run: RunRecord, facts: EmailFacts): readonly Mail[] {
  const lines = [...renderMaintenance(run), '', ...footer(run, facts)];
  const important = run.status === 'failed';
  const text = `${lines.join('\n')}\n`;
  return [{ to: facts.adminEmail, subject: subject(run, facts, maintenanceOutcome(run)), text, important }];
}
