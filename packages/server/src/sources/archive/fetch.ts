// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { BackupError } from '@local-backup/common/errors';
import { hashInto, sha256Of } from './hash-file.ts';
import type { Session } from './session.ts';

export interface FetchIo {
  readonly session: Session;
  /** Bytes per second; undefined: as fast as it goes. */
  readonly bandwidth: number | undefined;
  /** Bytes per second; slower than this over a minute is a peer that drips, not a slow line. */
  readonly minimumRate: number;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly signal: AbortSignal;
}

export interface Wanted {
  /** Name in the spool. */
  readonly name: string;
  /** Where it goes; a part of it is kept as {@link partOf} this. */
  readonly file: string;
  readonly bytes: number;
  /** Undefined for an archive without a manifest. */
  readonly sha256: string | undefined;
}

/** Pauses before a lost connection is made again, in milliseconds: as often as there are pauses, within one fetch. */
const PAUSES_MS = [5_000, 15_000, 45_000];

/** The name that a file has until all of it is there. */
export function partOf(file: string): string {
  return `${file}.partial`;
}

/** Bytes of a file, or of the part of it, that an earlier attempt has left. */
export async function fetchedBytes(file: string): Promise<number> {
  const left = (await stat(file).catch(missing)) ?? (await stat(partOf(file)).catch(missing));
  return left?.size ?? 0;
}

/**
 * Fetches a file of the spool, going on where an earlier attempt was cut off, in this run or in an earlier one. A file
 * that is there already counts when its hash is right.
 *
 * @returns what was odd though it could be done
 * @throws BackupError `failed` where the rest could not be had: the part is kept for the next run; `untrusted` where
 *   size or hash are not as promised: nothing of it is kept
 */
export async function fetchFile(wanted: Wanted, io: FetchIo): Promise<readonly string[]> {
  if (await isComplete(wanted)) return [];
  const file = partOf(wanted.file);
  // Without a hash nobody could tell whether an old part belongs to this file.
  if (wanted.sha256 === undefined) await rm(file, { force: true });
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    const part = await resumePart(handle, wanted);
    const cuts = await fetchRest(part, wanted, io);
    await handle.sync();
    await refuseOtherContent(part.hash, wanted, file);
    await rename(file, wanted.file);
    return cuts.map((reason) => `The connection was lost while fetching ${wanted.name}, and made again. ${reason}`);
  } finally {
    await handle.close();
  }
}

/** What has been written of a file, and the hash of that. */
interface Part {
  readonly handle: FileHandle;
  readonly hash: Hash;
  bytes: number;
}

async function isComplete({ file, sha256 }: Wanted): Promise<boolean> {
  if (sha256 === undefined) return false;
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW).catch(missing);
  try {
    return handle !== undefined && (await sha256Of(handle)) === sha256;
  } finally {
    await handle?.close();
  }
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

async function resumePart(handle: FileHandle, wanted: Wanted): Promise<Part> {
  const { size } = await handle.stat();
  if (size > wanted.bytes) await handle.truncate(0);
  const hash = createHash('sha256');
  return { handle, hash, bytes: await hashInto(hash, handle) };
}

/** @returns why the connection had to be made again, once for each time */
async function fetchRest(part: Part, wanted: Wanted, io: FetchIo): Promise<string[]> {
  const cuts: string[] = [];
  while (part.bytes < wanted.bytes) {
    const reason = await fetchOnce(part, wanted, io);
    if (reason === undefined) break;
    const pause = PAUSES_MS[cuts.length];
    if (pause === undefined) throw gaveUp(reason, wanted, cuts.length + 1);
    cuts.push(reason.message);
    await io.session.drop();
    await io.sleep(pause);
  }
  return cuts;
}

/** @returns the error where another attempt may help */
async function fetchOnce(part: Part, wanted: Wanted, io: FetchIo): Promise<BackupError | undefined> {
  let diskError: unknown;
  const onData = async (data: Buffer) => {
    io.signal.throwIfAborted();
    try {
      await append(part, data);
    } catch (error) {
      diskError = error;
      throw error;
    }
  };
  try {
    const remote = await io.session.remote();
    const limits = { offset: part.bytes, maxBytes: wanted.bytes, minimumRate: io.minimumRate };
    const bandwidth = io.bandwidth === undefined ? {} : { bandwidth: io.bandwidth };
    const size = await remote.fetch(wanted.name, { ...limits, ...bandwidth, onData });
    requireSameSize(size, wanted);
    return undefined;
  } catch (error) {
    if (diskError !== undefined) throw cannotWrite(diskError, wanted);
    io.signal.throwIfAborted();
    if (!(error instanceof BackupError) || error.code !== 'failed') throw error;
    if (await isGone(wanted, io)) throw vanished(wanted);
    return error;
  }
}

/** A file that is not there any more will not come back; a connection that was lost may. */
async function isGone({ name }: Wanted, { session }: FetchIo): Promise<boolean> {
  try {
    const remote = await session.remote();
    return (await remote.stat(name)) === undefined;
  } catch {
    return false; // The next attempt will tell why.
  }
}

function vanished({ name }: Wanted): BackupError {
  return new BackupError(
    'failed',
    `${name} is not in the spool any more, though its manifest is or was there: somebody removed it. Nothing was stored. ` +
      'The next run of backup-client there publishes a whole archive.',
  );
}

async function append(part: Part, data: Buffer): Promise<void> {
  for (let written = 0; written < data.length; ) {
    const { bytesWritten } = await part.handle.write(data, written, data.length - written, part.bytes);
    part.hash.update(data.subarray(written, written + bytesWritten));
    part.bytes += bytesWritten;
    written += bytesWritten;
  }
}

function requireSameSize(size: number, { name, bytes }: Wanted): void {
  if (size === bytes) return;
  const found = `${name} has ${size} bytes in the spool, but ${bytes} were promised`;
  throw new BackupError('untrusted', `${found}: was it changed while we fetched it, or cut off on the client?`);
}

async function refuseOtherContent(hash: Hash, { name, sha256 }: Wanted, file: string): Promise<void> {
  if (sha256 === undefined || hash.digest('hex') === sha256) return;
  await rm(file);
  const found = `${name} is not what the client wrote: its SHA-256 is not that of the manifest`;
  throw new BackupError(
    'untrusted',
    `${found}. It was damaged on the client's disk or on the way; the next run fetches it anew.`,
  );
}

function gaveUp(reason: BackupError, { name, bytes }: Wanted, attempts: number): BackupError {
  const message = `Cannot fetch all ${bytes} bytes of ${name} in ${attempts} attempts; what came is kept and the next run goes on from there. ${reason.message}`;
  return new BackupError('failed', message, { cause: reason });
}

function cannotWrite(error: unknown, { file }: Wanted): BackupError {
  return new BackupError('failed', `Cannot write ${partOf(file)}: ${String(error)}.`, { cause: error });
}
