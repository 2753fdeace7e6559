// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { parseArchiveName, timeOfStamp } from '@local-backup/common/archive-name';
import { readEntryLines, readEntryList } from '@local-backup/common/entry-list';
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import type { Manifest } from '@local-backup/common/manifest';
import { SPOOL_WANT_FULL } from '@local-backup/common/spool';
import type { Host } from '../../config/host.ts';
import type { Trail } from '../../report/trail.ts';
import type { Sandbox } from '../../sandbox.ts';
import { dateLiveTree, emptyLiveTree, putProof, readProof } from '../../tree/live-tree.ts';
import { checkLiveTree } from '../../tree/live-tree-check.ts';
import { requireNoSaveUnderWay } from '../../tree/live-tree-readers.ts';
import { requireWithinBounds, spaceForFile, spaceForTree } from './bounds.ts';
import { type FetchIo, fetchedBytes, fetchFile } from './fetch.ts';
import { requireFreeInodes, requireFreeSpace } from './free-space.ts';
import { judgeArchive, type Verdict } from './judge.ts';
import { recordEntries } from './record-entries.ts';
import type { SpoolArchive } from './spool-contents.ts';
import { unpackArchive } from './unpack.ts';
import { type CompareOptions, contentsOf, type FileContents, hasUnseenChange } from './unseen-changes.ts';
import { prepareSandbox, prepareWorkDirectory, type WorkFiles, workFilesOf } from './work-directory.ts';

/** An archive that was chosen, and its manifest as it was read and as it was written. */
export interface Chosen {
  readonly archive: SpoolArchive;
  readonly published: { readonly manifest: Manifest; readonly text: string } | undefined;
}

export interface BringIo extends FetchIo {
  readonly host: Host;
  readonly workDirectory: string;
  readonly liveDirectory: string;
  readonly run: Run;
}

export interface Brought {
  /** What was odd though it could be done. */
  readonly odd: readonly string[];
  /** See `Source.hasUnseenChanges`. */
  readonly unseenChanges: boolean;
}

/** Time to empty or fill a tree: 15 minutes, and what a slow disk takes for its bytes and files. */
const UNPACK_BASE_MS = 15 * 60_000;
const UNPACK_BYTES_PER_MS = 2_000;
const UNPACK_MS_PER_ENTRY = 10;

/**
 * From the spool into the live tree: fetched, judged, unpacked, checked; each step only if the one before was flawless.
 * @param stored stamp of the newest snapshot
 */
export async function bringArchive(
  chosen: Chosen,
  stored: string | undefined,
  io: BringIo,
  trail: Trail,
): Promise<Brought> {
  const manifest = chosen.published?.manifest;
  await refuseDelta(chosen.archive, manifest, io);
  requireWithinBounds(chosen.archive.bytes, manifest, io.host);
  const files = workFilesOf(io.workDirectory, chosen.archive, manifest);
  await prepareWorkDirectory(io.workDirectory, files);
  const cuts = await trail.step('fetch', () => fetchAll(chosen, files, io));
  const verdict = await trail.step('judge', () => judge(manifest, files, io));
  const unseenChanges = await trail.step('compare', () => compareWithStored(files, verdict, { stored, trail }, io));
  const unpacked = await trail.step('unpack', () => unpack(chosen, files, verdict, io));
  const checked = await trail.step('check live tree', () => check(chosen.archive, files, verdict, io));
  return { odd: [...cuts, ...unpacked, ...checked], unseenChanges };
}

/** What is in the live tree now is the newest snapshot if its manifest says so; then its entry list tells what changed. */
async function compareWithStored(
  files: WorkFiles,
  verdict: Verdict,
  { stored, trail }: { readonly stored: string | undefined; readonly trail: Trail },
  io: BringIo,
): Promise<boolean> {
  const options = { key: randomBytes(16), signal: io.signal };
  const before = await storedContents(stored, io, options).catch((error: unknown) => {
    io.signal.throwIfAborted();
    // What is in the live tree is about to be replaced: damage there must not keep a host from being backed up.
    trail.note('compare', `the old entry list cannot be read, so all files are read again: ${String(error)}`);
    return undefined;
  });
  if (before === undefined) return true;
  return hasUnseenChange(before, readEntryList(files.entryList, verdict.totals), options);
}

/** The files of the newest snapshot; undefined where nothing tells. */
async function storedContents(
  stored: string | undefined,
  { liveDirectory, host }: BringIo,
  options: CompareOptions,
): Promise<FileContents | undefined> {
  const before = await readProof(liveDirectory);
  if (before === undefined || stored === undefined || parseArchiveName(before.archive)?.stamp !== stored) return;
  return contentsOf(readEntryList(before.entryList, { entries: host.maxEntries }), options);
}

/** Deltas come later; asking for a full archive is what makes the next run work. */
async function refuseDelta(archive: SpoolArchive, manifest: Manifest | undefined, io: BringIo): Promise<void> {
  if (manifest?.kind !== 'delta') return;
  const remote = await io.session.remote();
  await remote.mark(SPOOL_WANT_FULL);
  const reason = `${archive.name} is a delta to ${manifest.base ?? 'another archive'}, which this server cannot use`;
  throw new BackupError(
    'failed',
    `${reason}. The client was asked for a full archive (${SPOOL_WANT_FULL}); its next run makes one.`,
  );
}

async function fetchAll({ archive, published }: Chosen, files: WorkFiles, io: BringIo): Promise<string[]> {
  const { bytes, sha256, entryList } = published?.manifest ?? { ...archive, sha256: undefined, entryList: undefined };
  const present = (await fetchedBytes(files.archive)) + (await fetchedBytes(files.entryList));
  const needed = spaceForFile(bytes + (entryList?.bytes ?? 0) - present);
  await requireFreeSpace(io.workDirectory, needed, `to fetch ${archive.name}`);
  const cuts: string[] = [];
  if (entryList !== undefined) {
    cuts.push(...(await fetchFile({ ...entryList, file: files.entryList }, io)));
  }
  cuts.push(...(await fetchFile({ name: archive.name, file: files.archive, bytes, sha256 }, io)));
  return cuts;
}

/** Without a manifest there is no entry list: then it is made of what the archive holds. */
async function judge(manifest: Manifest | undefined, files: WorkFiles, { host, signal }: BringIo): Promise<Verdict> {
  const most = { entries: host.maxEntries, bytes: host.maxUnpackedBytes };
  const request = { file: files.archive, most, promised: manifest?.totals, key: randomBytes(16), signal };
  if (manifest !== undefined)
    return judgeArchive({ ...request, list: readEntryLines(files.entryList, manifest.totals) });
  return recordEntries(files.entryList, (onEntries) => judgeArchive({ ...request, list: undefined, onEntries }));
}

async function unpack(chosen: Chosen, files: WorkFiles, verdict: Verdict, io: BringIo): Promise<readonly string[]> {
  const { liveDirectory, workDirectory, run, signal } = io;
  const { tarBytes, totals } = verdict;
  const timeoutMs = UNPACK_BASE_MS + tarBytes / UNPACK_BYTES_PER_MS + totals.entries * UNPACK_MS_PER_ENTRY;
  const mountPoint = await prepareSandbox(workDirectory);
  const sandbox: Sandbox = { directory: liveDirectory, mountPoint, timeoutMs, signal, run };
  requireNoSaveUnderWay(liveDirectory);
  await emptyLiveTree(sandbox);
  const purpose = `to unpack ${chosen.archive.name}`;
  await requireFreeSpace(liveDirectory, spaceForTree(tarBytes, totals.entries), purpose);
  await requireFreeInodes(liveDirectory, totals.entries, purpose);
  const { name, stamp } = chosen.archive;
  const time = timeOfStamp(stamp) ?? new Date(0);
  const proof = { archive: name, entryList: files.entryList, manifest: chosen.published?.text, time };
  await putProof(liveDirectory, proof);
  return unpackArchive(files.archive, sandbox, totals.bytes);
}

async function check(
  archive: SpoolArchive,
  files: WorkFiles,
  verdict: Verdict,
  io: BringIo,
): Promise<readonly string[]> {
  const { liveDirectory, signal } = io;
  const list = readEntryList(files.entryList, verdict.totals);
  const { warnings, hasRoot } = await checkLiveTree(liveDirectory, list, signal);
  const time = timeOfStamp(archive.stamp);
  if (!hasRoot && time !== undefined) await dateLiveTree(liveDirectory, time);
  return warnings;
}
