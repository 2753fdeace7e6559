// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Host } from '../config/host.ts';
import { maintainHosts } from '../maintenance/maintain-hosts.ts';
import { readPins } from '../maintenance/pins.ts';
import { type ForgetPlan, planForget } from '../maintenance/plan-forget.ts';
import { recordRun } from '../record-run.ts';
import { renderForgetPlan } from '../report/render-forget.ts';
import { renderMaintenance } from '../report/render-maintenance.ts';
import { selectHosts } from '../select-hosts.ts';
import { clockFinding } from './clock.ts';
import { configuredCheck, maintainInTurn, planIoOf } from './maintain-io.ts';
import { withMaintenanceLock } from './maintenance.ts';
import { type Recording, runRecorded } from './recorded-command.ts';
import type { Session } from './session.ts';

export interface ForgetOptions {
  /** Show every snapshot and what would become of it. */
  readonly dryRun?: boolean;
  /** Instead of `max_forget_share`: text of a number above 0 and at most 1. */
  readonly maxShare?: string;
}

/** Somebody waits at the terminal; a backup of one host takes minutes as a rule. Milliseconds. */
const BUSY_WAIT_MS = 5 * 60_000;

/** `backup-server forget HOST`: applies the policy to one host now, under the same conditions as maintenance. */
export async function forget(session: Session, name: string, options: ForgetOptions): Promise<number> {
  const maxForgetShare = shareOf(options.maxShare ?? String(session.config.restic.maintenance.maxForgetShare));
  const host = hostNamed(session, name);
  if (options.dryRun === true) return showPlan(session, host, maxForgetShare);
  return withMaintenanceLock(session, (signal) =>
    runRecorded(session, {
      command: 'forget',
      saveMail: undefined,
      render: renderMaintenance,
      work: (recorded, recording) => forgetNow({ ...recorded, signal }, host, { maxForgetShare, recording }),
    }),
  );
}

function hostNamed({ config }: Session, name: string): Host {
  const [host] = selectHosts(config, [name]).hosts;
  if (host !== undefined) return host;
  throw new BackupError('config', `The configuration of ${name} is wrong; see: backup-server check ${name}`);
}

function shareOf(text: string): number {
  const share = Number(text);
  if (/^\d*\.?\d+$/.test(text) && share > 0 && share <= 1) return share;
  throw new BackupError('usage', `--max-share takes a number above 0 and at most 1, such as 0.95; "${text}" is none.`);
}

/** Reads only: no lock, no check, so that it can be asked at any time. */
async function showPlan(session: Session, host: Host, maxForgetShare: number): Promise<number> {
  const { config, json, print, signal } = session;
  const { problem: clock } = await clockFinding(session, { dryRun: true });
  const pins = await readPins(config.stateDir, host.hostname);
  const plan = await planForget(planIoOf(host, session, { clock, maxForgetShare }, signal), pins);
  if (json) print(JSON.stringify(planAsData(host.hostname, plan), undefined, 2));
  else for (const line of renderForgetPlan(host.hostname, plan)) print(line);
  return 0;
}

function planAsData(host: string, { keep, forget: going, refused, gone }: ForgetPlan) {
  const kept = keep.map(({ snapshot, reasons }) => ({ ...snapshot, action: 'keep', reasons }));
  const snapshots = [...kept, ...going.map((snapshot) => ({ ...snapshot, action: 'forget' }))];
  snapshots.sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  return { host, snapshots, refused, pinsWithoutSnapshot: gone };
}

async function forgetNow(
  session: Session,
  host: Host,
  { maxForgetShare, recording }: { readonly maxForgetShare: number; readonly recording: Recording },
) {
  const { log, now, signal } = session;
  const { problem: clock, steps } = await clockFinding(session);
  const plan = {
    check: configuredCheck(session),
    prune: false,
    size: false,
    refusal: 'failed',
    dryRun: false,
  } as const;
  const record = { ...recording.record, steps: [...recording.record.steps, ...steps] };
  return recordRun({ ...recording, record, rejected: [], log, now, signal }, (onRecord) =>
    maintainHosts({
      hosts: [host],
      lastBegun: async () => undefined,
      maxDurationMs: Number.POSITIVE_INFINITY,
      busyWaitMs: BUSY_WAIT_MS,
      busy: 'failed',
      maintain: maintainInTurn(session, { plan, clock, maxForgetShare, copies: false }),
      elapsed: () => performance.now(),
      ...{ log, now, signal, onRecord },
    }),
  );
}
