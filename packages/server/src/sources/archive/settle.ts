// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { SPOOL_DONE } from '@local-backup/common/spool';
import type { Remote, RemoteFile } from '../../remotes/remote.ts';
import type { Session } from './session.ts';
import { planSettling } from './settle-plan.ts';

/** The connection may have idled for hours while the store was at work: a second attempt with a new one. */
const ATTEMPTS = 2;

/**
 * Lets the host go of what is stored. The data is safe by now, so nothing here fails the run.
 * @param stored stamps that are stored
 * @returns what was odd
 */
export async function settleSpool(session: Session, hostname: string, stored: ReadonlySet<string>): Promise<string[]> {
  let reason = '';
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      await settle(await session.remote(), hostname, stored);
      return [];
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      reason = error.message;
      await session.drop();
    }
  }
  return [
    `The archive is stored, but it could not be moved to ${SPOOL_DONE}/ on the client; the next run tries again. ${reason}`,
  ];
}

/** The entries of `done/`; none where it does not exist yet. */
export async function listDone(remote: Remote, spool: readonly RemoteFile[]): Promise<readonly RemoteFile[]> {
  const exists = spool.some(({ name, type }) => name === SPOOL_DONE && type === 'directory');
  return exists ? remote.list(SPOOL_DONE) : [];
}

async function settle(remote: Remote, hostname: string, stored: ReadonlySet<string>): Promise<void> {
  const spool = await remote.list();
  const done = await listDone(remote, spool);
  const plan = planSettling({ hostname, stored, spool: fileNames(spool), done: fileNames(done) });
  for (const name of plan.moves) await remote.rename(name, `${SPOOL_DONE}/${name}`);
  for (const name of plan.removals) await remote.remove(`${SPOOL_DONE}/${name}`);
}

function fileNames(files: readonly RemoteFile[]): string[] {
  return files.filter(({ type }) => type === 'file').map(({ name }) => name);
}
