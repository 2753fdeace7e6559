// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Host } from '../config/host.ts';
import { withoutCredentials } from '../config/repository-location.ts';
import { labelled } from '../report/text.ts';
import { selectHosts } from '../select-hosts.ts';
import { isConfirmed } from './ask.ts';
import { withMaintenanceLock } from './maintenance.ts';
import { repairOf, resticOptionsOf, upkeepOf } from './repositories.ts';
import { withRepository } from './repository-lock.ts';
import type { Session } from './session.ts';

export interface RepairOptions {
  /** Somebody has read what would be done: do not ask. */
  readonly yes?: boolean;
  /** Of `index`: read everything that is stored. */
  readonly readAllPacks?: boolean;
  /** Of `snapshots`: tell what would be done. */
  readonly dryRun?: boolean;
  /** Of `snapshots`: the damaged ones go. */
  readonly forget?: boolean;
}

type What = 'index' | 'snapshots';

/** A backup of one host takes minutes as a rule, and somebody waits at the terminal. Milliseconds. */
const BUSY_WAIT_MS = 5 * 60_000;

/** Problems that are shown before somebody is asked; the log of the check has them all. */
const SHOWN = 10;

/**
 * `backup-server repair index|snapshots HOST`: looks what is wrong, says what a repair does and what to do first, asks, repairs,
 * and looks again. Nothing is ever repaired without somebody having said so.
 * @returns 1 where something is wrong with the repository still, or was left as it is
 */
export async function repair(session: Session, what: What, name: string, options: RepairOptions): Promise<number> {
  const [host] = selectHosts(session.config, [name]).hosts;
  if (host === undefined) {
    throw new BackupError('config', `The configuration of ${name} is wrong; see: backup-server check ${name}`);
  }
  return withMaintenanceLock(session, async (signal) => {
    const locked = { ...session, signal };
    const turn = await withRepository(host, session, { waitMs: BUSY_WAIT_MS, signal }, (inner) =>
      repairHost({ ...locked, signal: inner }, host, { ...options, what }),
    );
    if (!turn.busy) return turn.result;
    throw new BackupError('locked', `Another backup-server (${turn.who}) is at work with the repository of ${name}.`);
  });
}

interface Job extends RepairOptions {
  readonly what: What;
}

async function repairHost(session: Session, host: Host, job: Job): Promise<number> {
  const { print, signal } = session;
  const { hostname } = host;
  const upkeep = upkeepOf(host, session);
  await upkeep.removeDeadLocks(signal);
  const { problems } = await upkeep.check({ kind: 'none' }, [], signal);
  for (const line of describeProblems(hostname, problems)) print(line);
  if (job.dryRun === true && job.what === 'snapshots') return showSnapshots(session, host, job);
  if (problems.length === 0 && job.yes !== true) {
    print(
      `Nothing is repaired. Data that cannot be read is found by: restic check --read-data, or a drill. --yes repairs`,
    );
    print('all the same.');
    return 0;
  }
  for (const line of adviceOn(job.what, host, session)) print(line);
  if (!(await isConfirmed(`Repair the ${job.what} of ${hostname} now`, session, job.yes === true))) {
    print('The repository is left as it is.');
    return 1;
  }
  for (const line of await doRepair(session, host, job)) print(`  ${line}`);
  return lookAgain(session, host, job);
}

function describeProblems(hostname: string, problems: readonly string[]): readonly string[] {
  if (problems.length === 0) return [`A check of ${hostname} finds all that is stored, and nothing that does not fit.`];
  const more = problems.length > SHOWN ? [`  (and ${problems.length - SHOWN} lines more)`] : [];
  const shown = problems.slice(0, SHOWN).flatMap((problem) => labelled('  - ', problem));
  return [`A check of ${hostname} finds what is wrong:`, ...shown, ...more];
}

async function showSnapshots(session: Session, host: Host, { forget = false }: Job): Promise<number> {
  for (const line of await repairOf(host, session).snapshots({ dryRun: true, forget }, session.signal)) {
    session.print(`  ${line}`);
  }
  return 0;
}

async function doRepair(session: Session, host: Host, { what, readAllPacks, forget }: Job): Promise<readonly string[]> {
  const { signal } = session;
  if (what === 'snapshots')
    return repairOf(host, session).snapshots({ dryRun: false, forget: forget === true }, signal);
  await repairOf(host, session).index(readAllPacks === true, signal);
  return ['the index was written anew'];
}

/** What to do before, which nobody thinks of at 3 a.m. */
function adviceOn(what: What, host: Host, session: Session): readonly string[] {
  const { repository } = resticOptionsOf(host, session);
  const copy = repository.startsWith('/')
    ? `rsync -a ${repository}/ /mnt/other-disk/${host.hostname}/`
    : `a copy of ${withoutCredentials(repository)} with the means of its storage`;
  const does: Record<What, readonly string[]> = {
    index: [
      'The index is written anew from what is stored. What is missing is missing, and no longer in the index: the next',
      'backup stores again what the host still has of it.',
    ],
    snapshots: [
      'Snapshots that hold something which cannot be read are written anew WITHOUT it. Do this only after a repair of the',
      'index and a new backup, which may bring the missing data back.',
    ],
  };
  return [
    '',
    ...does[what],
    'Before that:',
    '  1. Is the disk well? dmesg; smartctl -a /dev/...   A repair on a dying disk makes it worse.',
    `  2. Copy the repository as it is: ${copy}`,
    '',
  ];
}

async function lookAgain(session: Session, host: Host, { what }: Job): Promise<number> {
  const { print, signal } = session;
  const { problems } = await upkeepOf(host, session).check({ kind: 'none' }, [], signal);
  for (const line of describeProblems(host.hostname, problems)) print(line);
  if (what === 'index') {
    print(`Next: backup-server backup ${host.hostname}   stores again what is missing and still on the host.`);
    if (problems.length > 0)
      print(`Then, if something is wrong still: backup-server repair snapshots ${host.hostname} --dry-run`);
  }
  print(`Then: backup-server maintenance ${host.hostname}; backup-server drill ${host.hostname}`);
  return problems.length === 0 ? 0 : 1;
}
