// SPDX-License-Identifier: AGPL-3.0-or-later
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { ServerConfig } from '../config.ts';
import { isWithin, localRepositoryRoot, realPath } from '../directories.ts';
import { stampOfSnapshot } from '../report/render-snapshots.ts';
import { formatTime } from '../report/text.ts';
import { newestSnapshot } from '../restore-choice.ts';
import { selectHosts } from '../select-hosts.ts';
import { chooseSnapshot } from '../stores/choose-snapshot.ts';
import { createEmptyTarget } from '../stores/restore-target.ts';
import type { Snapshot, Store } from '../stores/store.ts';
import { markerOf } from './adapters.ts';
import { storeOf } from './repositories.ts';
import type { Session } from './session.ts';

export interface RestoreOptions {
  /** Id of a snapshot, or `latest`. */
  readonly snapshot: string;
  /** A directory that is empty or does not exist yet. */
  readonly to: string;
}

/** `backup-server restore HOST --to DIR`: the content of one snapshot into a directory of its own. */
export async function restore(
  session: Session,
  name: string,
  { snapshot: wanted, to }: RestoreOptions,
): Promise<number> {
  const { config, json, print, signal } = session;
  const [host] = selectHosts(config, [name]).hosts;
  if (host === undefined)
    throw new BackupError('config', `The configuration of ${name} is wrong; see: backup-server check ${name}`);
  const say = json ? () => undefined : print;
  const target = resolve(to);
  requireRealFileSystem(target);
  requireOutside(target, config);
  const store = storeOf(host, session);
  const snapshots = await store.snapshots(signal);
  const chosen =
    wanted === 'latest'
      ? newestSnapshot(snapshots, await markerOf(host, session).read(), name)
      : { snapshot: chooseSnapshot(snapshots, wanted, name), why: 'as asked' };
  const { id, time } = chosen.snapshot;
  say(
    `Snapshot ${id.slice(0, 8)} of ${name}, stored ${formatTime(time)}, archive ${stampOfSnapshot(chosen.snapshot) ?? 'unknown'} (${chosen.why})`,
  );
  await restoreInto(store, chosen.snapshot, target, signal);
  if (json) print(JSON.stringify({ host: name, snapshot: id, time, target }));
  const { mode } = await stat(target);
  for (const line of nextSteps(target, mode & 0o7777)) say(line);
  return 0;
}

async function restoreInto(store: Store, { id }: Snapshot, target: string, signal: AbortSignal): Promise<void> {
  await createEmptyTarget(target);
  await store.restore(id, target, signal);
}

/** The kernel's own: nothing can be put there, and Node's mkdir never comes back from /proc. */
const PSEUDO = ['/proc', '/sys', '/dev'];

function requireRealFileSystem(target: string): void {
  if (!PSEUDO.some((directory) => isWithin(realPath(target), directory))) return;
  throw new BackupError(
    'usage',
    `Cannot restore into ${showControls(target)}: that is no place for files. Try --to /var/tmp/restored`,
  );
}

/** Runs empty and fill these directories; a restored tree would be lost in there, or get into their way. */
function requireOutside(target: string, { liveDir, localTempBaseDir, restic }: ServerConfig): void {
  const repositories = localRepositoryRoot(restic.repositoryRoot);
  const taken = { live_dir: liveDir, local_temp_base_dir: realPath(localTempBaseDir), repository_root: repositories };
  for (const [name, directory] of Object.entries(taken)) {
    // A repository root of `/` takes nothing that could be meant: its repositories are not empty, which is found later.
    if (directory === undefined || directory === '/' || !isWithin(realPath(target), directory)) continue;
    const where = `Cannot restore into ${showControls(target)}: it is in ${name} (${directory}), which runs work in`;
    throw new BackupError('usage', `${where}. Give another directory with --to.`);
  }
}

function nextSteps(target: string, mode: number): readonly string[] {
  const whoReads =
    (mode & 0o077) === 0
      ? 'which is readable for root only'
      : `which others may look into (mode ${mode.toString(8)}; to close it: chmod 0700 ${target})`;
  return [
    `Restored into ${target}, ${whoReads}: <type>/<service>/ for each service of the host.`,
    `Next: look at it (ls -R ${target}), then copy what is needed to its place with: rsync -aHAX --numeric-ids`,
    `The list of all entries with their sha256: zcat ${target}/.backup/entries.gz`,
  ];
}
