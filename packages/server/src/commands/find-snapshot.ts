// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Host } from '../config/host.ts';
import { stampOfSnapshot } from '../report/render-snapshots.ts';
import { formatTime } from '../report/text.ts';
import type { ChosenSnapshot } from '../restore/restore-choice.ts';
import { chooseByName, parseSnapshotName, type When } from '../restore/snapshot-choice.ts';
import type { Snapshot } from '../stores/store.ts';
import { markerOf } from './adapters.ts';
import { storeOf } from './repositories.ts';
import type { Session } from './session.ts';

/** A snapshot that somebody has named. */
export interface FoundSnapshot extends ChosenSnapshot {
  readonly host: Host;
}

/**
 * The snapshot that `HOST`, `HOST@WHEN` or an id alone means; an id alone is looked for in the repositories of all hosts.
 * @throws BackupError `usage` telling what there is
 */
export async function findSnapshot(session: Session, text: string): Promise<FoundSnapshot> {
  const { hosts, rejectedHosts } = session.config;
  const names = [...hosts, ...rejectedHosts].flatMap(({ hostname }) => hostname ?? []);
  const { host: name, when } = parseSnapshotName(text, names);
  if (name === undefined) return findById(session, text);
  return findOf(session, hostNamed(session, name), when);
}

/** @throws BackupError `config` where the configuration of the host is wrong */
export function hostNamed({ config }: Session, name: string): Host {
  const host = config.hosts.find(({ hostname }) => hostname === name);
  if (host !== undefined) return host;
  throw new BackupError('config', `The configuration of ${name} is wrong; see: backup-server check ${name}`);
}

/** The snapshot of a host that is meant by its time, id or archive. */
async function findOf(session: Session, host: Host, when: When): Promise<FoundSnapshot> {
  const snapshots = await storeOf(host, session).snapshots(session.signal);
  const unproven = await markerOf(host, session).read();
  return { host, ...chooseByName({ host: host.hostname, snapshots, unproven }, when) };
}

async function findById(session: Session, id: string): Promise<FoundSnapshot> {
  const { config, log, signal } = session;
  const found: { readonly host: Host; readonly snapshot: Snapshot }[] = [];
  const unread: string[] = [];
  for (const host of config.hosts) {
    signal.throwIfAborted();
    try {
      const snapshots = await storeOf(host, session).snapshots(signal);
      found.push(...snapshots.filter((snapshot) => snapshot.id.startsWith(id)).map((snapshot) => ({ host, snapshot })));
    } catch (error) {
      signal.throwIfAborted();
      unread.push(host.hostname);
      log.warn('the snapshots of this host could not be looked at', { host: host.hostname, error });
    }
  }
  const [only] = found;
  for (const rejected of only === undefined ? config.rejectedHosts : []) {
    unread.push(rejected.hostname ?? '(a host without a name)');
    log.warn(rejected.message);
  }
  if (only === undefined) throw notFound(id, unread);
  if (found.length === 1) return findOf(session, only.host, { kind: 'id', id: only.snapshot.id });
  const where = found.map(({ host, snapshot }) => `${host.hostname}@${snapshot.id.slice(0, 16)}`).join(', ');
  throw new BackupError('usage', `More than one snapshot has the id "${showControls(id)}": ${where}. Give more of it.`);
}

function notFound(id: string, unread: readonly string[]): BackupError {
  const none = `No snapshot of any host has the id "${showControls(id)}".`;
  if (unread.length === 0) return new BackupError('usage', `${none} "backup-server snapshots" lists them.`);
  return new BackupError('failed', `${none} But those of ${unread.join(', ')} could not be looked at; see above.`);
}

/** `Snapshot 1a2b3c4d of web1, stored ..., archive ... (why)` */
export function describeFound({ host, snapshot, why }: FoundSnapshot): string {
  const archive = stampOfSnapshot(snapshot) ?? 'unknown';
  return `Snapshot ${snapshot.id.slice(0, 8)} of ${host.hostname}, stored ${formatTime(snapshot.time)}, archive ${archive} (${why})`;
}

/** The same for machines. */
export function foundAsJson({ host, snapshot, why }: FoundSnapshot) {
  const { id, time } = snapshot;
  return { host: host.hostname, snapshot: id, time, archive: stampOfSnapshot(snapshot), why };
}
