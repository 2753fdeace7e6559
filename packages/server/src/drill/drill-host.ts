// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import type { BytePath } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import type { Entry } from '@local-backup/common/entry';
import { readEntryList } from '@local-backup/common/entry-list';
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import type { Manifest } from '@local-backup/common/manifest';
import type { Host } from '../config/host.ts';
import type { HostProgress } from '../host-attempt.ts';
import { formatCount, formatTime, humanDuration } from '../report/text.ts';
import type { Trail } from '../report/trail.ts';
import type { SaveMarker } from '../save-marker.ts';
import type { History } from '../stores/history.ts';
import type { Snapshot, Store } from '../stores/store.ts';
import { PROOF_DIRECTORY } from '../tree/proof-directory.ts';
import { type VerifiedTree, verifyTree } from '../tree/verify-tree.ts';
import { checkContents } from './content/index.ts';
import { amountsOf, serviceOf } from './drill-amounts.ts';
import {
  type Chance,
  type Choice,
  chooseForDrill,
  chooseServices,
  diskBytes,
  type ServiceAmount,
} from './drill-choice.ts';
import { type DrillDirectory, makeDirectory, SANDBOX, SCRATCH, TREE } from './drill-directory.ts';
import { checkProof } from './drill-proof.ts';
import { noteChoice } from './note-choice.ts';
import type { CagedProgram } from './services/cage.ts';
import type { ServiceOutcome } from './services/check-services.ts';
import { loadServices } from './services/load-services.ts';
import { servicesFailure } from './services/services-text.ts';

/** What the drill of one host works with. */
export interface DrillIo {
  readonly host: Pick<Host, 'hostname' | 'maxEntries'>;
  readonly store: Pick<Store, 'check' | 'snapshots'>;
  readonly history: Pick<History, 'restore'>;
  readonly marker: Pick<SaveMarker, 'read'>;
  readonly directory: DrillDirectory;
  /** Bytes that are free where a target lies. */
  readonly freeBytes: (target: string) => Promise<number>;
  /** See the keys of the configuration. */
  readonly maxBytes: number;
  readonly olderShare: number;
  readonly chance: Chance;
  /** Milliseconds for looking at contents. */
  readonly contentMs: number;
  /** The program that looks at services in a cage, and milliseconds for all of them; undefined: level `files`. */
  readonly services: { readonly program: CagedProgram; readonly timeMs: number } | undefined;
  readonly run: Run;
  /** Aborted when the host is to end: by a signal or because its time is up. */
  readonly signal: AbortSignal;
}

/** Free space that a drill leaves for others. */
const RESERVE_PART = 0.05;
const RESERVE_BYTES = 64 * 1024 * 1024;

/** Reason code of a host of which nothing fits on the disk. */
const NO_SPACE = 'SKIPPED_NO_SPACE';

/** Differences named in a message. */
const DIFFERENCES_SHOWN = 10;

/**
 * Restores a snapshot of one host, compares it with the entry list inside it, looks whether what is in there would be of
 * use, and removes it again.
 *
 * @throws whatever made the drill fail; all that is known by then is in `progress`
 */
export async function drillHost(io: DrillIo, progress: HostProgress): Promise<void> {
  const { trail } = progress;
  const { snapshot, why } = await trail.step('snapshot', () => choose(io));
  trail.note('snapshot', `${snapshot.id.slice(0, 8)} of ${formatTime(snapshot.time)}: ${why}`);
  const onLeft = (problem: string) => trail.warn('remove', problem);
  await io.directory.withTarget(io.host.hostname, (target) => drill({ target, snapshot }, io, progress), onLeft);
}

async function choose({ host, store, marker, olderShare, chance, signal }: DrillIo) {
  await store.check(signal);
  const unproven = await marker.read();
  const facts = { unproven, host: host.hostname };
  return chooseForDrill(await store.snapshots(signal), facts, { olderShare, chance });
}

interface Drill {
  /** A directory of the drill's own. */
  readonly target: string;
  readonly snapshot: Snapshot;
}

async function drill({ target, snapshot }: Drill, io: DrillIo, { trail, facts }: HostProgress): Promise<void> {
  const { host, history, signal } = io;
  const tree = join(target, TREE);
  const mountPoint = join(target, SANDBOX);
  for (const directory of [tree, mountPoint]) await makeDirectory(directory);
  const request = { snapshot: snapshot.id, target: tree, verify: false };
  const { entryList, manifest } = await trail.step('proof', async () => {
    await history.restore({ ...request, include: [PROOF_DIRECTORY] }, signal);
    return checkProof(tree, snapshot, { host: host.hostname, signal });
  });
  const list = () => readEntryList(entryList, { entries: host.maxEntries });
  const { choice, all } = await trail.step('choose', () => chooseWhat(list(), tree, io));
  if (choice.kind === 'nothing') return skipForSpace(choice, tree, io, { trail, facts });
  noteChoice(choice, io, trail);
  const services = choice.kind === 'some' ? choice.services.map(({ name }) => name) : undefined;
  const started = performance.now();
  await trail.step('restore', () => history.restore({ ...request, include: services ?? [] }, signal));
  const restoreSeconds = (performance.now() - started) / 1000;
  const restored = { list, select: selectOf(services) };
  const verified = await trail.step('compare', () => compare(tree, restored, io));
  noteUncompared(verified, trail);
  const { entries, bytes, files } = verified;
  const named = services === undefined ? {} : { services };
  facts.drill = { snapshot: snapshot.id, taken: snapshot.time, ...named, entries, bytes, restoreSeconds };
  const chosen = choice.kind === 'some' ? choice.services : all;
  const outcomes = await lookAtServices(chosen, { target, manifest }, io, { trail, facts });
  await lookAtContents({ tree, mountPoint, restored }, io, trail);
  const took = humanDuration(restoreSeconds * 1000);
  trail.note('drill', `${formatBytes(bytes)} in ${took}, ${formatCount(files)} files compared`);
  const failure = servicesFailure(outcomes, host.hostname);
  if (failure !== undefined) await trail.step('services', () => Promise.reject(failure));
}

/** Before contents: looking at those may change databases that were not closed. */
async function lookAtServices(
  services: readonly ServiceAmount[],
  { target, manifest }: { readonly target: string; readonly manifest: Manifest | undefined },
  io: DrillIo,
  progress: HostProgress,
): Promise<readonly ServiceOutcome[]> {
  if (io.services === undefined) return [];
  const scratch = join(target, SCRATCH);
  await makeDirectory(scratch);
  const room = await roomWatcher(scratch, io);
  const places = { tree: join(target, TREE), mountPoint: join(target, SANDBOX), scratch };
  return loadServices(
    services,
    { ...io.services, ...places, manifest, room, run: io.run, signal: io.signal },
    progress,
  );
}

/** What is reserved for others is so by what is free now: it must not become less as the disk fills. */
async function roomWatcher(directory: string, { freeBytes }: DrillIo): Promise<() => Promise<number>> {
  const reserve = reserveOf(await freeBytes(directory));
  return async () => (await freeBytes(directory)) - reserve;
}

/** What is at the end of a restored tree: its list, and which part of it was restored. */
interface Restored {
  readonly list: () => AsyncIterable<readonly Entry[]>;
  /** Undefined: all of it. */
  readonly select: ((path: BytePath) => boolean) | undefined;
}

function selectOf(services: readonly string[] | undefined): Restored['select'] {
  if (services === undefined) return undefined;
  const chosen = new Set(services);
  return (path) => chosen.has(serviceOf(path) ?? '');
}

/** Also gives all services that there are. */
async function chooseWhat(
  list: AsyncIterable<readonly Entry[]>,
  tree: string,
  io: DrillIo,
): Promise<{ readonly choice: Choice; readonly all: readonly ServiceAmount[] }> {
  const amounts = await amountsOf(list, io.signal);
  const limits = { maxBytes: io.maxBytes, room: await roomIn(tree, io) };
  return { choice: chooseServices(amounts, limits, io.chance), all: amounts.services };
}

async function roomIn(tree: string, { freeBytes }: DrillIo): Promise<number> {
  const free = await freeBytes(tree);
  return free - reserveOf(free);
}

function reserveOf(free: number): number {
  return Math.max(RESERVE_BYTES, Math.ceil(free * RESERVE_PART));
}

async function skipForSpace(
  { smallest }: Choice & { readonly kind: 'nothing' },
  tree: string,
  io: DrillIo,
  { trail, facts }: HostProgress,
): Promise<void> {
  facts.skipped = NO_SPACE;
  const needed = `even the smallest service of the snapshot takes ${formatBytes(diskBytes(smallest))}`;
  const room = `drill.directory has room for ${formatBytes(Math.max(0, await roomIn(tree, io)))}`;
  trail.skip('choose', NO_SPACE, `${needed}, and ${room}`);
  trail.warn('choose', 'Nothing of this host was proven. Make room there, or set drill.directory to a larger disk.');
}

async function compare(tree: string, { list, select }: Restored, { host, signal }: DrillIo): Promise<VerifiedTree> {
  const verified = await verifyTree(tree, list(), { signal, ...(select === undefined ? {} : { select }) });
  if (verified.differenceCount === 0 && verified.files > 0) return verified;
  if (verified.differenceCount === 0) throw nothingCompared(host.hostname);
  const { differences, differenceCount } = verified;
  const shown = differences.slice(0, DIFFERENCES_SHOWN).map(({ path, what }) => `${path}: ${what}`);
  const more = differenceCount > shown.length ? [`... and ${formatCount(differenceCount - shown.length)} more`] : [];
  throw new BackupError(
    'failed',
    [
      `What was restored is not what was saved, ${formatCount(differenceCount)} of ${formatCount(verified.entries)} entries differ:`,
      ...shown,
      ...more,
      `Look at the repository (restic check --read-data) and at the disks, and make a new backup: backup-server backup --force ${host.hostname}`,
    ].join('\n'),
  );
}

/** Directories and links alone prove nothing. */
function nothingCompared(host: string): BackupError {
  return new BackupError(
    'failed',
    'There is no file in what was restored, so nothing was proven. Does the client save what it should? Look at the ' +
      `last backup: backup-server runs show; and at what is in there: backup-server ls -R ${host}`,
  );
}

function noteUncompared({ uncompared }: VerifiedTree, trail: Trail): void {
  if (uncompared === 0) return;
  trail.note(
    'compare',
    `${formatCount(uncompared)} second names of files of services that were not restored were not compared`,
  );
}

async function lookAtContents(
  { tree, mountPoint, restored }: { readonly tree: string; readonly mountPoint: string; readonly restored: Restored },
  { run, contentMs, signal }: DrillIo,
  trail: Trail,
): Promise<void> {
  const place = { tree, mountPoint, run, timeMs: contentMs, signal };
  const report = await trail.step('contents', () => checkContents(selected(restored), place));
  for (const { path, what } of report.problems) trail.warn('contents', `${path} ${what}`);
  const more = report.problemCount - report.problems.length;
  if (more > 0) trail.warn('contents', `... and ${formatCount(more)} more files`);
  for (const text of report.notes) trail.note('contents', text);
}

async function* selected({ list, select }: Restored): AsyncGenerator<readonly Entry[]> {
  for await (const batch of list()) yield select === undefined ? batch : batch.filter(({ path }) => select(path));
}
