// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { stampOfSnapshot } from '../report/render-snapshots.ts';
import { formatTime } from '../report/text.ts';
import { newestSnapshot } from '../restore-choice.ts';
import { selectHosts } from '../select-hosts.ts';
import { chooseSnapshot } from '../stores/choose-snapshot.ts';
import { requireEmptyTarget } from '../stores/restore-target.ts';
import type { Snapshot, Store } from '../stores/store.ts';
import { markerOf, storeOf } from './adapters.ts';
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
  for (const line of nextSteps(target)) say(line);
  return 0;
}

async function restoreInto(store: Store, { id }: Snapshot, target: string, signal: AbortSignal): Promise<void> {
  // What is restored may be as secret as it was on the host.
  await mkdir(target, { recursive: true, mode: 0o700 });
  await requireEmptyTarget(target);
  await store.restore(id, target, signal);
}

function nextSteps(target: string): readonly string[] {
  return [
    `Restored into ${target}, which is readable for root only: <type>/<service>/ for each service of the host.`,
    `Next: look at it (ls -R ${target}), then copy what is needed to its place with: rsync -aHAX --numeric-ids`,
    `The list of all entries with their sha256: zcat ${target}/.backup/entries.gz`,
  ];
}
