// SPDX-License-Identifier: AGPL-3.0-or-later
import { timeOfStamp } from '@local-backup/common/archive-name';
import { BackupError } from '@local-backup/common/errors';
import type { AnomalyGate, NewState } from './anomaly/anomaly.ts';
import type { Host } from './config/host.ts';
import type { HostCopy } from './copies/copy-host.ts';
import type { HostFacts, HostProgress } from './host-attempt.ts';
import { isFuture, isStale } from './report/freshness.ts';
import { serviceResults } from './report/report.ts';
import { humanDuration } from './report/text.ts';
import type { Trail } from './report/trail.ts';
import type { SaveMarker } from './save-marker.ts';
import type { Offer, Source } from './sources/source.ts';
import type { Saved, Snapshot, Store } from './stores/store.ts';

/** What the pipeline of one host works with. */
export interface HostIo {
  readonly host: Host;
  readonly store: Store;
  readonly marker: SaveMarker;
  /** Undefined: nobody looks whether a backup is like the ones before. */
  readonly anomaly?: AnomalyGate | undefined;
  /** Further repositories, which backup-hosts.ts brings up to date after all hosts. */
  readonly copies?: readonly HostCopy[] | undefined;
  /** The live tree, the same for every run. */
  readonly liveDirectory: string;
  /** Opens a session with the host. */
  readonly openSource: (trail: Trail) => Promise<Source>;
  /** Look, decide, say so, and stop: nothing is fetched, stored or changed. */
  readonly dryRun: boolean;
  readonly now: () => Date;
  /** Aborted when the host is to end: by a signal or because its time is up. */
  readonly signal: AbortSignal;
}

type NewOffer = Offer & { readonly kind: 'new' };

/**
 * Backs up one host: nothing is fetched before the repository has been found usable (C60), and the host is told to let
 * go of its archive only after a whole snapshot exists.
 *
 * @throws whatever made the host fail; all that is known by then is in `progress`
 */
export async function backupHost(io: HostIo, progress: HostProgress): Promise<void> {
  const { trail } = progress;
  await io.anomaly?.remind(progress);
  const proven = await trail.step('repository', () => provenSnapshots(io));
  const source = await io.openSource(trail);
  try {
    const offer = await source.offer(proven, trail);
    if (offer.kind === 'skip') return await skip(offer, proven, io, progress);
    noteOffer(offer, progress.facts);
    if (io.dryRun) return trail.note('decision', `would fetch ${offer.label}: ${offer.why}`);
    for (const odd of await source.bring(offer, trail)) trail.warn('bring', odd);
    await io.anomaly?.look(newState(offer, proven), progress);
    const isProven = proven.some(({ tags }) => tags.includes(offer.stamp));
    const saved = await trail.step('save', () => save(offer, { readAll: source.hasUnseenChanges(), isProven }, io));
    noteSaved(saved, progress.facts);
    if (saved.unreadable.length > 0) return trail.warn('save', unreadableText(saved, offer));
    await io.marker.clear(offer.stamp);
    await io.anomaly?.accept(progress);
    await confirm(source, offer, trail);
  } finally {
    await source.close();
  }
}

/** Snapshots that count as stored: without the one whose save was never proven whole, see {@link SaveMarker}. */
async function provenSnapshots(io: HostIo): Promise<readonly Snapshot[]> {
  await io.store.check(io.signal);
  const unproven = await io.marker.read();
  const snapshots = await io.store.snapshots(io.signal);
  return snapshots.filter(({ tags }) => !tags.some((tag) => unproven.includes(tag)));
}

function newState({ stamp, bytes, manifest }: NewOffer, proven: readonly Snapshot[]): NewState {
  const lastGood = proven.filter(({ tags }) => !tags.includes(stamp)).at(-1)?.id;
  return { stamp, archiveBytes: bytes ?? manifest?.bytes, lastGood };
}

/** An archive that is stored whole already, and is stored again by force, is not put in doubt. */
async function save(
  { stamp }: NewOffer,
  { readAll, isProven }: { readonly readAll: boolean; readonly isProven: boolean },
  io: HostIo,
): Promise<Saved> {
  if (!isProven) await io.marker.set(stamp);
  return io.store.save({ directory: io.liveDirectory, stamp, dryRun: false, readAll }, io.signal);
}

/** A skipped host is not in order for that alone: a lock that stays or a client that stopped working shows by age. */
async function skip(
  offer: Offer & { readonly kind: 'skip' },
  proven: readonly Snapshot[],
  io: HostIo,
  { trail, facts }: HostProgress,
): Promise<void> {
  facts.skipped = offer.code;
  trail.skip('decision', offer.code, offer.why);
  const past = proven.filter(({ time }) => !isFuture(time, io.now()));
  if (past.length < proven.length) trail.warn('freshness', futureText(proven.length - past.length));
  await trail.step('freshness', async () => requireFresh(past.at(-1), io));
}

function futureText(count: number): string {
  return `${count} snapshots have times in the future and are no sign of a fresh backup. Check the server's clock: timedatectl`;
}

function requireFresh(newest: Snapshot | undefined, { host, now }: HostIo): void {
  if (!isStale(newest?.time, host.maxAgeMs, now())) return;
  const allowed = `at most ${humanDuration(host.maxAgeMs)} is allowed (max_age)`;
  const found =
    newest === undefined
      ? 'has no snapshot at all'
      : `has no newer snapshot than ${newest.id.slice(0, 8)} of ${newest.time}`;
  throw new BackupError(
    'failed',
    `${host.hostname} was skipped and ${found}, ${allowed}. Look on the host whether backup-client still runs: systemctl status local-backup.timer; journalctl -u local-backup`,
  );
}

/** The store has the snapshot: what goes wrong now is the host's housekeeping, a warning (C66). */
async function confirm(source: Source, offer: NewOffer, trail: Trail): Promise<void> {
  try {
    for (const odd of await source.confirm(offer)) trail.warn('confirm', odd);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    trail.warn('confirm', `${offer.label} was stored, but the host could not be told: ${error.message}`);
  }
}

function noteOffer(offer: NewOffer, facts: HostFacts): void {
  facts.archive = offer.label;
  const created = offer.manifest?.created ?? timeOfStamp(offer.stamp)?.toISOString();
  if (created !== undefined) facts.archiveCreated = created;
  const bytes = offer.bytes ?? offer.manifest?.bytes;
  if (bytes !== undefined) facts.archiveBytes = bytes;
  facts.services = serviceResults(offer.manifest?.services ?? []);
}

function noteSaved(saved: Saved, facts: HostFacts): void {
  const { unreadable, snapshot, ...counts } = saved;
  Object.assign(facts, counts, snapshot === undefined ? {} : { snapshot });
  if (unreadable.length > 0) facts.incomplete = true;
}

/** Names shown of the items that could not be read. */
const SHOWN_UNREADABLE = 5;

function unreadableText(saved: Saved, offer: NewOffer): string {
  const count = saved.unreadable.length;
  const shown = saved.unreadable.slice(0, SHOWN_UNREADABLE).join(', ');
  const more = count > SHOWN_UNREADABLE ? ', ...' : '';
  return `${count} items of the live tree could not be read, so snapshot ${saved.snapshot?.slice(0, 8)} is not whole: ${shown}${more}. ${offer.label} stays on the host and the next run stores it again. Look at the disk that the live tree is on.`;
}
