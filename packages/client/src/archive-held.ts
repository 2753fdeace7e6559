// SPDX-License-Identifier: AGPL-3.0-or-later
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { BackupError } from '@local-backup/common/errors';
import type { RunResult, Streaming } from '@local-backup/common/exec';
import type { TreeRequest } from './archive.ts';
import { watchForStall } from './archive-stall.ts';
import { describeStall, startTar, type TarRunOptions } from './archive-tree.ts';
import { complainAboutRoom, freeBytes } from './held-room.ts';
import type { NamedRead, TreeReads } from './tar-args.ts';

/** Where trees are held until the archive has time for them. */
export interface HoldPlace {
  readonly directory: string;
  /** Bytes that have to stay free there, the archive that grows beside not counted. */
  readonly minFreeBytes: number;
  /** How long may be measured, in milliseconds, for this tree and those after it: counted down. Default: MEASURE_MS. */
  readonly measuring?: { leftMs: number };
  /** What it had when it was read last, where that is known. */
  readonly expectedBytes?: number | undefined;
  /** Told why nothing is held, in a few words. */
  readonly tell?: (why: string) => void;
}

/** A tree that was read into temporary tars. */
export interface HeldTree {
  readonly request: TreeRequest;
  readonly reads: TreeReads;
  readonly tars: ReadonlyMap<NamedRead, HeldTar>;
  readonly bytes: number;
}

/** What one run of tar has given, and how it ended. */
interface HeldTar {
  readonly file: string;
  readonly bytes: number;
  /** Undefined where tar had to be ended. */
  readonly result: RunResult | undefined;
  /** Why it had to be ended. */
  readonly problem: string | undefined;
}

/** Written at once: fewer and larger writes keep up with fast disks. */
const BLOCK_BYTES = 1024 * 1024;
/** The room is looked at again after so many bytes. */
const ROOM_EVERY_BYTES = 64 * 1024 * 1024;

let count = 0;

/** See `ArchiveWriter.holdTree`. */
export async function holdTree(
  request: TreeRequest,
  reads: TreeReads,
  options: TarRunOptions,
  place: HoldPlace,
): Promise<HeldTree | undefined> {
  const problem = await complainAboutRoom(reads.tree, options, place);
  if (problem !== undefined) {
    place.tell?.(problem);
    return undefined;
  }
  const tars = new Map<NamedRead, HeldTar>();
  const held: HeldTree = { request, reads, tars, bytes: 0 };
  let bytes = 0;
  try {
    for (const read of readsIn(reads)) {
      count += 1;
      const tar = await holdTar(read, join(place.directory, `held-${count}.tar`), options, place);
      tars.set(read, tar);
      bytes += tar.bytes;
    }
    return { ...held, bytes };
  } catch (error) {
    await releaseHeld(held);
    options.signal.throwIfAborted();
    if (!(error instanceof NoRoom)) throw error;
    place.tell?.('it was given up half-way, because no more could be written');
    return undefined;
  }
}

/** Removes what is held. Harmless where it is gone. */
export async function releaseHeld({ tars }: HeldTree): Promise<void> {
  for (const { file } of tars.values()) await rm(file, { force: true });
}

/** What one run of tar has given, as if it ran now: with its output, its messages and its end, a bad one too. */
export function openHeldTar({ tars }: HeldTree, read: NamedRead): Streaming {
  const tar = tars.get(read);
  if (tar === undefined) throw new Error('nothing is held of this read');
  const { file, result, problem } = tar;
  const ended = async (): Promise<RunResult> => {
    if (result !== undefined) return result;
    throw new BackupError('failed', problem ?? 'tar had to be ended.');
  };
  const finished = ended();
  finished.catch(() => {
    // Told to whoever waits for it.
  });
  const stdout = Readable.from(chunksOf(file));
  return { stdout, finished, end: () => stdout.destroy() };
}

async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file, { highWaterMark: BLOCK_BYTES }) as AsyncIterable<Buffer>;
  } catch (cause) {
    // The archive goes on without what cannot be read back.
    throw new BackupError('failed', `Cannot read ${file} again: ${(cause as Error).message}`, { cause });
  }
}

/** There is less room than has to stay free, or the temporary tar cannot be written: the tree is read another way. */
class NoRoom extends Error {}

function readsIn({ above, tree }: TreeReads): NamedRead[] {
  return above === undefined ? [tree] : [above, tree];
}

/** @throws NoRoom; nothing is left of the file then */
async function holdTar(read: NamedRead, file: string, options: TarRunOptions, place: HoldPlace): Promise<HeldTar> {
  const output = await open(file, 'wx', 0o600).catch(noRoom);
  try {
    const writer = createWriter(output, place);
    const ending = await readInto(writer, read, options);
    await writer.flush();
    return { file, bytes: writer.bytes, ...ending };
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await output.close();
  }
}

async function readInto(
  writer: Writer,
  read: NamedRead,
  options: TarRunOptions,
): Promise<Pick<HeldTar, 'result' | 'problem'>> {
  const { signal, stallMs } = options;
  const tar = startTar(read, options);
  const watch = watchForStall(stallMs, tar.end);
  try {
    watch.waiting();
    for await (const chunk of tar.stdout as AsyncIterable<Buffer>) {
      watch.stop();
      await writer.write(chunk);
      watch.waiting();
    }
    return { result: await tar.finished, problem: undefined };
  } catch (error) {
    tar.end();
    // Nothing of it may still be reading when the service is started again.
    await tar.finished.catch(() => undefined);
    signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return { result: undefined, problem: watch.stalled ? describeStall(stallMs) : error.message };
  } finally {
    watch.stop();
  }
}

type Writer = ReturnType<typeof createWriter>;

function createWriter(output: FileHandle, { directory, minFreeBytes }: HoldPlace) {
  let waiting: Buffer[] = [];
  let size = 0;
  let written = 0;
  let looked = 0;
  /** One block is written while the next is read. */
  let under: Promise<void> = Promise.resolve();
  const begin = () => {
    const block = Buffer.concat(waiting);
    waiting = [];
    size = 0;
    under = output.writeFile(block).catch(noRoom);
    under.catch(() => undefined);
    written += block.length;
  };
  return {
    get bytes() {
      return written;
    },
    async write(chunk: Buffer) {
      waiting.push(chunk);
      size += chunk.length;
      if (size < BLOCK_BYTES) return;
      await under;
      begin();
      if (written - looked < ROOM_EVERY_BYTES) return;
      looked = written;
      // As much again for the archive.
      if ((await freeBytes(directory)) < minFreeBytes + written) throw new NoRoom('no room');
    },
    async flush() {
      await under;
      begin();
      await under;
    },
  };
}

function noRoom(cause: unknown): never {
  throw new NoRoom('cannot be written', { cause });
}
