// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostRecord, RunRecord } from '@local-backup/common/run-record';
import { hostRunsOf } from './history.ts';

/** How often a host has fared the same way, one run after the other. */
export interface Repeats {
  /** This run included. */
  readonly count: number;
  /** When the first of these runs began (ISO). */
  readonly since: string;
  /** Enough has been said: no mail of its own for this run. The summary tells it in any case. */
  readonly folded: boolean;
}

/** Mails about the same failure before they are folded. */
const TOLD_AT_ONCE = 2;

/**
 * How often in a row a host has failed, or was skipped, with the same message: up to `run`, which need not be in
 * `history`. Of more than two, the first of each day (UTC) gets a mail; runs that were killed have sent none.
 */
export function repeatsOf(host: HostRecord, run: RunRecord, history: readonly RunRecord[]): Repeats {
  const wanted = signatureOf(host);
  const earlier = hostRunsOf(run.command, host.host, history).filter((one) => one.run.started < run.started);
  const end = earlier.findIndex(({ record }) => signatureOf(record) !== wanted);
  const streak = [run, ...earlier.slice(0, end === -1 ? undefined : end).map((one) => one.run)].reverse();
  return { count: streak.length, since: streak[0]?.started ?? run.started, folded: !isTold(streak) };
}

/** Whether the last of these runs gets a mail. */
function isTold(streak: readonly RunRecord[]): boolean {
  let mails = 0;
  let lastDay = '';
  let told = true;
  for (const [index, { started, ended }] of streak.entries()) {
    const day = started.slice(0, 10);
    told = mails < TOLD_AT_ONCE || day !== lastDay;
    const wasKilled = ended === undefined && index < streak.length - 1;
    if (!told || wasKilled) continue;
    mails += 1;
    lastDay = day;
  }
  return told;
}

/** The same for failures that differ only in times, ids and sizes. */
function signatureOf(host: HostRecord): string {
  const steps = host.steps
    .filter(({ status }) => status === 'failed')
    .map(({ name, code = '', message = '' }) => `${name} ${code} ${message}`);
  const services = host.services
    .filter(({ status }) => status === 'failed')
    .map(({ type, name, messages }) => `${type}/${name} ${messages[0] ?? ''}`);
  return [host.status, host.skipped ?? '', ...steps, ...services].join('\n').replace(/[0-9a-f]{8,}|\d+/g, '#');
}
