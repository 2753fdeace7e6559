// SPDX-License-Identifier: AGPL-3.0-or-later
import { performance } from 'node:perf_hooks';
import { BackupError } from '@local-backup/common/errors';
import type { FetchOptions } from '../remote.ts';
import { createFlow, createPacer } from './flow.ts';
import type { Answer, Link } from './link.ts';
import { createStallWatch, STALL_SLOTS } from './stall.ts';

/** A file that is open on the peer. */
export interface OpenFile {
  readonly name: string;
  /** As fstat gave it right after opening. */
  readonly size: number;
  /** Reads into a buffer; a server may give less than asked for, and 0 at the end. */
  readonly read: (buffer: Buffer, position: number, answer: Answer<number>) => void;
}

export interface FetchLimits {
  readonly requestTimeoutMs: number;
  /** {@link FetchOptions.minimumRate} is judged over this time. */
  readonly stallWindowMs: number;
}

/** A part of the file that has been asked for. */
interface Piece {
  readonly length: number;
  readonly data: Promise<Buffer>;
}

/**
 * Hands a file from `offset` to its end (or to `maxBytes`) to `onData`, asking for several pieces ahead. Memory is bounded
 * by what may be asked for ahead (see flow.ts), however slow `onData` is.
 * @throws BackupError `failed` when the link is lost, stalls, or the file is shorter than it was; whatever `onData` throws
 */
export async function fetchFile(link: Link, file: OpenFile, options: FetchOptions, limits: FetchLimits): Promise<void> {
  const end = Math.min(file.size, options.maxBytes);
  const flow = createFlow(options.bandwidth);
  const pace = createPacer(options.bandwidth ?? Number.POSITIVE_INFINITY);
  const minimumRate = Math.min(options.minimumRate, (options.bandwidth ?? Number.POSITIVE_INFINITY) / 2);
  const patience = watchPeer(link, file, minimumRate, limits);
  const pieces: Piece[] = [];
  let asked = options.offset;
  let handedOn = options.offset;
  try {
    while (handedOn < end) {
      while (asked < end && flow.mayAsk(asked - handedOn)) {
        const length = Math.min(flow.pieceBytes(), end - asked);
        await pause(link, pace(length, performance.now()));
        pieces.push(askFor(link, file, { position: asked, length, answered: flow.answered }));
        asked += length;
      }
      const piece = pieces.shift() as Piece;
      await options.onData(await patience.waitFor(piece));
      handedOn += piece.length;
    }
  } finally {
    patience.end();
  }
}

function askFor(
  link: Link,
  file: OpenFile,
  part: { readonly position: number; readonly length: number; readonly answered: (latencyMs: number) => void },
): Piece {
  const started = performance.now();
  const data = readWhole(link, file, part.position, part.length);
  // Whoever waits for the piece gets the error; a piece that nobody waits for any more must not end the program.
  data.then(
    () => part.answered(performance.now() - started),
    () => undefined,
  );
  return { length: part.length, data };
}

/** Asks again for the rest as long as the server gives less than asked for. */
async function readWhole(link: Link, file: OpenFile, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const rest = buffer.subarray(filled);
    const start = position + filled;
    const got = await link.wait<number>(`read ${file.name}`, (answer) => file.read(rest, start, answer));
    if (got === 0) throw endedEarly(link, file, position + filled);
    filled += got;
  }
  return buffer;
}

/**
 * Gives the link up when the peer is slower than it must be, or when one piece takes longer than the time for a request
 * plus what the piece takes at the minimum rate. The first looks at everything that comes in, so that a slow line is not
 * mistaken for a dead one; the second cannot be fed with traffic that is no data.
 */
function watchPeer(link: Link, file: OpenFile, minimumRate: number, limits: FetchLimits) {
  let waited = 0;
  let waitingSince: number | undefined;
  const stalls = createStallWatch(minimumRate, limits.stallWindowMs, link.received());
  const check = () => {
    const waitingNow = waitingSince === undefined ? 0 : performance.now() - waitingSince;
    if (stalls(link.received(), waited + waitingNow))
      link.giveUp(stalled(link, file, minimumRate, limits.stallWindowMs / 1000));
  };
  const timer = setInterval(check, limits.stallWindowMs / STALL_SLOTS);
  return {
    async waitFor(piece: Piece): Promise<Buffer> {
      const limitMs = limits.requestTimeoutMs + (piece.length / Math.max(1, minimumRate)) * 1000;
      const deadline = setTimeout(() => link.giveUp(stalled(link, file, minimumRate, limitMs / 1000)), limitMs);
      waitingSince = performance.now();
      try {
        return await piece.data;
      } finally {
        clearTimeout(deadline);
        waited += performance.now() - waitingSince;
        waitingSince = undefined;
      }
    },
    end: () => clearInterval(timer),
  };
}

/** A pause that a lost link cuts short. */
export async function pause(link: Link, ms: number): Promise<void> {
  if (ms <= 0) return;
  let timer: NodeJS.Timeout | undefined;
  try {
    await link.wait<void>('wait', (answer) => {
      timer = setTimeout(answer, ms);
    });
  } finally {
    clearTimeout(timer);
  }
}

function endedEarly(link: Link, file: OpenFile, position: number): BackupError {
  return new BackupError(
    'failed',
    `${link.label}: ${file.name} ended at byte ${position} though it had ${file.size} when it was opened: it was cut while being fetched.`,
  );
}

function stalled(link: Link, file: OpenFile, minimumRate: number, seconds: number): BackupError {
  return new BackupError(
    'failed',
    `The transfer of ${file.name} from ${link.label} stalled: less than ${minimumRate} bytes per second over ${Math.round(seconds)} s. ` +
      'What came is kept; the next attempt goes on from there.',
  );
}
