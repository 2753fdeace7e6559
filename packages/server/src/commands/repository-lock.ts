// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { withInstanceLock } from '@local-backup/common/instance-lock';
import type { Log } from '@local-backup/common/log';
import { sleep } from '@local-backup/common/sleep';
import type { Host } from '../config/host.ts';
import type { Store } from '../stores/store.ts';
import type { Session } from './session.ts';

/*
 * restic's own locks keep a repository whole, but who comes second fails, and restic 0.14 cannot wait. Whatever writes
 * into a repository, or needs it for itself, therefore queues up for a lock of this server's own first. A kill leaves
 * nothing behind that has to be cleaned up: see withInstanceLock.
 */

/** What came of asking for the repository of a host. */
export type Turn<Result> =
  | { readonly busy: false; readonly result: Result }
  /** Somebody else is at work with it still; `who` names the process. */
  | { readonly busy: true; readonly who: string };

const POLL_MS = 500;

/** How long to wait, in milliseconds, and what ends the waiting and the work. */
interface Patience {
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** Does `work` while no other command of this server writes into the repository of a host. */
export function withRepository<Result>(
  { hostname }: Host,
  { config, log }: Pick<Session, 'config' | 'log'>,
  patience: Patience,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Turn<Result>> {
  const path = join(config.lockDir, `backup-server-repository-${hostname}.lock`);
  return withLock(path, log.child({ host: hostname }), patience, work);
}

/**
 * Does `work` while no other process does so under the same `path`.
 * @param work gets a signal that is aborted with that of `patience`, and when the lock is lost
 */
export async function withLock<Result>(
  path: string,
  log: Log,
  { waitMs, signal }: Patience,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Turn<Result>> {
  const deadline = performance.now() + waitMs;
  for (let attempt = 0; ; attempt += 1) {
    const turn = await tryOnce(path, signal, work);
    const left = deadline - performance.now();
    if (!turn.busy || left <= 0) return turn;
    if (attempt === 0) log.info(`waiting for another backup-server that is at work with the same (${turn.who})`);
    await sleep(Math.min(POLL_MS, Math.max(1, left)), signal);
  }
}

async function tryOnce<Result>(
  path: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Turn<Result>> {
  let begun = false;
  try {
    const result = await withInstanceLock(path, 'backup-server', (lost) => {
      begun = true;
      return work(AbortSignal.any([signal, lost]));
    });
    return { busy: false, result };
  } catch (error) {
    if (begun || !(error instanceof BackupError) || error.code !== 'locked') throw error;
    return { busy: true, who: /PID \d+/.exec(error.message)?.[0] ?? `see ${path}` };
  }
}

/** The first look comes before anything is fetched: the run goes on with other hosts, and comes back to this one. */
const QUESTION_WAIT_MS = 5 * 60_000;
/** The archive has been fetched and unpacked by then, which may have taken hours. */
const SAVE_WAIT_MS = 2 * 60 * 60_000;

/** A store that takes turns with maintenance. Not for restores and listings, which do not write. */
export function takingTurns(store: Store, host: Host, session: Session): Store {
  const turn = async <Result>(options: Patience, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> => {
    const outcome = await withRepository(host, session, options, work);
    if (!outcome.busy) return outcome.result;
    throw new BackupError(
      'locked',
      `Another backup-server (${outcome.who}) is at work with the repository of ${host.hostname}, most likely its ` +
        'maintenance. Nothing is lost: the archive stays on the host, and the next run stores it.',
    );
  };
  return {
    ...store,
    check: (signal) => turn({ waitMs: QUESTION_WAIT_MS, signal }, (inner) => store.check(inner)),
    save: (request, signal) => turn({ waitMs: SAVE_WAIT_MS, signal }, (inner) => store.save(request, inner)),
  };
}
