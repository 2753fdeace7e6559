// SPDX-License-Identifier: AGPL-3.0-or-later

import { showControls } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import { type Proposal, serviceOf } from './proposal.ts';
import type { Already } from './select.ts';

/** What `backup-client init` has found. */
export interface InitFindings {
  readonly proposals: readonly Proposal[];
  readonly already: readonly Already[];
  readonly notes: readonly string[];
}

/** The list of all that was found. Pure. */
export function renderFindings({ proposals, already, notes }: InitFindings): string {
  const width = Math.max(0, ...proposals.map((proposal) => serviceOf(proposal).length));
  return [
    ...section(
      proposals.length === 0 ? 'Nothing is proposed: no more was found than services of this host save.' : 'Proposed:',
      proposals.map((proposal) => `${serviceOf(proposal).padEnd(width)}  ${describeProposal(proposal)}`),
    ),
    ...section(already.length === 0 ? undefined : 'There already:', [...new Set(already.map(alreadyLine))]),
    ...section(notes.length === 0 ? undefined : 'To be known:', notes),
  ].join('');
}

/** Why it is proposed, and how large it is. Pure. */
export function describeProposal({ why, bytes }: Proposal): string {
  const shown = showControls(why);
  const cut = shown.length > LONGEST ? `${shown.slice(0, LONGEST)} ...` : shown;
  return bytes === undefined ? cut : `${cut} (${formatBytes(bytes)})`;
}

const LONGEST = 140;

function alreadyLine({ what, service, file, isPartial }: Already): string {
  const partial = isPartial ? '; it names single databases: are these all?' : '';
  return `${what}: ${service} (${file})${partial}`;
}

function section(title: string | undefined, lines: readonly string[]): string[] {
  return title === undefined ? [] : [`${title}\n`, ...lines.map((line) => `  ${showControls(line)}\n`)];
}

/** What is left to do. Pure. */
export function renderNextSteps({ asksForTimer, hasKey }: { asksForTimer: boolean; hasKey: boolean }): string {
  const steps: [string, string][] = [
    ['backup-client check', 'when you have changed a service.yaml'],
    ['backup-client backup', 'save everything now'],
    ...(asksForTimer ? [['systemctl enable --now local-backup.timer', 'and every night'] as [string, string]] : []),
    ...(hasKey
      ? []
      : [["backup-client init --server-key 'ssh-ed25519 AAAA...'", 'let the server fetch it'] as [string, string]]),
  ];
  const width = Math.max(...steps.map(([command]) => command.length));
  return `Next:\n${steps.map(([command, why]) => `  ${command.padEnd(width)}   ${why}\n`).join('')}`;
}
