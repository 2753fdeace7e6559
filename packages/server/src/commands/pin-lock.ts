// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { Host } from '../config/host.ts';
import { withLock } from './repository-lock.ts';
import type { Session } from './session.ts';

/** Pins are held while snapshots are judged and forgotten, which takes minutes at most; not while data is checked. */
const WAIT_MS = 10 * 60_000;

/**
 * Does `work` while nobody else changes the pins of a host or forgets its snapshots: what was pinned before is seen, and
 * a snapshot that is pinned meanwhile is either there or known to be gone.
 * @throws BackupError `locked` where another command keeps them for ten minutes
 */
export async function withPinsHeld<Result>(
  { hostname }: Host,
  { config, log }: Pick<Session, 'config' | 'log'>,
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  const path = join(config.lockDir, `backup-server-pins-${hostname}.lock`);
  const turn = await withLock(path, log.child({ host: hostname }), { waitMs: WAIT_MS, signal }, work);
  if (!turn.busy) return turn.result;
  throw new BackupError(
    'locked',
    `Another backup-server (${turn.who}) is deciding what to forget of ${hostname}. Try again when it has ended.`,
  );
}
