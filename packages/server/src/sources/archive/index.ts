// SPDX-License-Identifier: AGPL-3.0-or-later
import { timeOfStamp } from '@local-backup/common/archive-name';
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import { MANIFEST_MAX_BYTES } from '@local-backup/common/manifest';
import { manifestName } from '@local-backup/common/spool';
import type { Host } from '../../config/host.ts';
import type { Remote } from '../../remotes/remote.ts';
import type { Trail } from '../../report/trail.ts';
import type { Snapshot } from '../../stores/store.ts';
import type { Offer, Source } from '../source.ts';
import { type BringIo, bringArchive, type Chosen } from './bring.ts';
import { waitForClientLock } from './client-lock.ts';
import { parsePublished } from './published.ts';
import { type Selection, selectArchive } from './select.ts';
import { describeMissingManifest } from './select-messages.ts';
import { createSession, type Session } from './session.ts';
import { listDone, settleSpool } from './settle.ts';
import type { SpoolArchive } from './spool-contents.ts';
import { removeWorkFiles } from './work-directory.ts';

export interface ArchiveSourceOptions {
  readonly host: Host;
  /** Connects to the host; called when it is first needed, and again after a lost connection. */
  readonly remote: () => Promise<Remote>;
  /** Of this host alone, 0700: fetched archives, and parts of them for the next run. */
  readonly workDirectory: string;
  /** Of this host alone, in a directory that only we can enter. */
  readonly liveDirectory: string;
  /** How many more times to look at a held client lock, and how many milliseconds apart. */
  readonly lock: { readonly retries: number; readonly delayMs: number };
  /** Take the newest archive even if it is stored already or older than what is stored. */
  readonly force: boolean;
  readonly run: Run;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Rejects when the signal is aborted. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** The source of hosts that have the client: archives in a spool, read over SFTP. */
export function createArchiveSource(options: ArchiveSourceOptions): Source {
  const { host, workDirectory, liveDirectory, run, signal } = options;
  const session = createSession(options.remote);
  const sleep = (milliseconds: number) => options.sleep(milliseconds, signal);
  const { bandwidth, minimumRate } = host;
  const io: BringIo = { host, session, workDirectory, liveDirectory, run, signal, sleep, bandwidth, minimumRate };
  let stored: readonly Snapshot[] = [];
  let chosen: Chosen | undefined;
  let unseenChanges = true;
  return {
    async offer(snapshots, trail) {
      stored = snapshots;
      await trail.step('connect', () => session.remote());
      const held = await trail.step('client lock', () => waitForSpool(session, { ...options, sleep }));
      if (held !== undefined) return { kind: 'skip', code: 'SKIPPED_CLIENT_LOCK', why: held };
      const { choice, warnings } = await trail.step('list', () => select(session, snapshots, options));
      for (const warning of warnings) trail.warn('list', warning);
      if (choice.kind === 'none') throw new BackupError('failed', choice.why);
      if (choice.kind === 'skip') return choice;
      chosen = await choose(choice.archive, session, trail);
      return offerOf(chosen, choice.why);
    },
    async bring(offer, trail) {
      options.log.debug('fetching', { archive: offer.label });
      const brought = await bringArchive(requireChosen(chosen, offer), newestStampOf(stored), io, trail).catch(
        (error: unknown) => discardRefused(error, options),
      );
      unseenChanges = brought.unseenChanges;
      return brought.odd;
    },
    hasUnseenChanges: () => unseenChanges,
    async confirm(offer) {
      const stamps = new Set([offer.stamp, ...stored.flatMap(({ tags }) => tags)]);
      const warnings = await settleSpool(session, host.hostname, stamps);
      await removeWorkFiles(workDirectory);
      return warnings;
    },
    close: () => session.drop(),
  };
}

/** What was fetched is of use to the next run, unless it was refused: that would be refused again, and fill the disk. */
async function discardRefused(
  error: unknown,
  { workDirectory, log }: Pick<ArchiveSourceOptions, 'workDirectory' | 'log'>,
): Promise<never> {
  if (error instanceof BackupError && error.code === 'untrusted') {
    await removeWorkFiles(workDirectory).catch((cause: unknown) => {
      log.warn('what was fetched of the refused archive cannot be removed', { error: cause });
    });
  }
  throw error;
}

type LockOptions = Pick<ArchiveSourceOptions, 'lock' | 'now'> & {
  readonly sleep: (milliseconds: number) => Promise<void>;
};

/** Looks over the connection; one that was lost while waiting is made again. */
function waitForSpool(session: Session, { lock, now, sleep }: LockOptions): Promise<string | undefined> {
  const stat = async (name: string) => (await session.remote()).stat(name);
  return waitForClientLock({ stat, now, sleep, ...lock });
}

async function select(
  session: Session,
  stored: readonly Snapshot[],
  options: ArchiveSourceOptions,
): Promise<Selection> {
  const { host, now, force } = options;
  const { hostname, acceptWithoutManifest, remoteTarDir: directory } = host;
  const remote = await session.remote();
  const spool = await remote.list();
  const done = await listDone(remote, spool);
  return selectArchive({ hostname, directory, spool, done, stored, now: now(), acceptWithoutManifest, force });
}

async function choose(archive: SpoolArchive, session: Session, trail: Trail): Promise<Chosen> {
  if (!archive.hasManifest) {
    trail.warn('manifest', describeMissingManifest(archive));
    return { archive, published: undefined };
  }
  return trail.step('manifest', async () => {
    const remote = await session.remote();
    const text = (await remote.read(manifestName(archive.name), MANIFEST_MAX_BYTES)).toString('utf8');
    return { archive, published: { manifest: parsePublished(text, archive), text } };
  });
}

function offerOf({ archive, published }: Chosen, why: string): Offer {
  const { stamp, name, bytes } = archive;
  const manifest = published === undefined ? {} : { manifest: published.manifest };
  return { kind: 'new', stamp, label: name, bytes, why, ...manifest };
}

/** The archive that the newest snapshot was made of. */
function newestStampOf(stored: readonly Snapshot[]): string | undefined {
  return stored.at(-1)?.tags.find((tag) => timeOfStamp(tag) !== undefined);
}

/** A source serves one offer: the archive to bring is the one that was offered. */
function requireChosen(chosen: Chosen | undefined, offer: Offer & { kind: 'new' }): Chosen {
  if (chosen?.archive.name === offer.label) return chosen;
  throw new Error(`bring was called for ${offer.label}, which was not offered`);
}
