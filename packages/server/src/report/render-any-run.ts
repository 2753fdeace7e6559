// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { RunRecord } from '@local-backup/common/run-record';
import { hostLines } from './host-lines.ts';
import { renderDrill } from './render-drill.ts';
import { renderMaintenance } from './render-maintenance.ts';
import { renderRun } from './render-run.ts';
import { statusText } from './render-runs.ts';
import { formatTime, labelled } from './text.ts';

/** The record of a run of any command for people, as lines. */
export function renderAnyRun(run: RunRecord): readonly string[] {
  const head = `Run ${run.id}: ${showControls(run.command)}, ${statusText(run.status)}`;
  return [head, '', ...(RENDERERS[run.command] ?? renderOther)(run)];
}

const RENDERERS: Readonly<Record<string, (run: RunRecord) => readonly string[]>> = {
  backup: renderRun,
  maintenance: renderMaintenance,
  drill: renderDrill,
};

/** A command that has no form of its own. */
function renderOther(run: RunRecord): readonly string[] {
  return [
    `Started ${formatTime(run.started)}${run.ended === undefined ? '' : `, ended ${formatTime(run.ended)}`}`,
    ...run.steps.flatMap((step) => labelled('  ', `${step.status}: ${step.message ?? step.name}`)),
    ...run.hosts.flatMap((host) => ['', `${showControls(host.host)} (${host.status})`, ...hostLines(host, '  ')]),
  ];
}
