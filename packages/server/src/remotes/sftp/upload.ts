// SPDX-License-Identifier: AGPL-3.0-or-later
import { performance } from 'node:perf_hooks';
import type { UploadOptions } from '../remote.ts';
import { type FetchLimits, pause } from './fetch.ts';
import { createFlow, createPacer } from './flow.ts';
import { closeQuietly, removeFile, renameOver, type SftpSession, syncFile } from './session.ts';

/** Where a file goes on the peer: whole paths. */
export interface UploadTarget {
  readonly path: string;
  /** Its name until it is whole. */
  readonly partial: string;
}

/**
 * Writes a file under its partial name, and gives it its own when all of it is on the peer's disk.
 * @returns its size
 * @throws BackupError `failed` when the link is lost or too slow; whatever `content` throws
 */
export async function uploadFile(
  session: SftpSession,
  { path, partial }: UploadTarget,
  content: AsyncIterable<Uint8Array>,
  options: UploadOptions & FetchLimits,
): Promise<number> {
  // Left by an upload that was cut off, or a link: it is replaced, and never written through.
  await removeFile(session, partial);
  try {
    const handle = await session.ask<Buffer>(`create ${partial}`, (sftp, answer) =>
      sftp.open(partial, 'wx', 0o600, answer),
    );
    let size: number;
    try {
      size = await writeAll(session, { handle, path }, content, options);
      await syncFile(session, handle);
    } finally {
      await closeQuietly(session, handle);
    }
    await renameOver(session, partial, path);
    return size;
  } catch (error) {
    // Whether or not that works, the first error is the one to be told.
    await removeFile(session, partial).catch(() => undefined);
    throw error;
  }
}

/** A piece that has been sent. */
interface Sent {
  readonly length: number;
  readonly written: Promise<void>;
}

/** Sends several pieces ahead of the answers; memory is bounded by what may be sent ahead (see flow.ts). */
async function writeAll(
  session: SftpSession,
  { handle, path }: { readonly handle: Buffer; readonly path: string },
  content: AsyncIterable<Uint8Array>,
  { bandwidth, minimumRate, requestTimeoutMs }: UploadOptions & FetchLimits,
): Promise<number> {
  const flow = createFlow(bandwidth);
  const pace = createPacer(bandwidth ?? Number.POSITIVE_INFINITY);
  const rate = Math.max(1, Math.min(minimumRate, (bandwidth ?? Number.POSITIVE_INFINITY) / 2));
  const sent: Sent[] = [];
  let [position, written] = [0, 0];
  const send = (piece: Buffer): Sent => {
    const started = performance.now();
    const start = position;
    // Whatever was sent before has to go through first.
    const limitMs = requestTimeoutMs + ((position + piece.length - written) / rate) * 1000;
    const done = session.link.request<void>(`write ${path}`, limitMs, (answer) =>
      session.sftp.write(handle, piece, 0, piece.length, start, answer),
    );
    // Whoever waits for the piece gets the error; one that nobody waits for any more must not end the program.
    done.then(
      () => flow.answered(performance.now() - started),
      () => undefined,
    );
    return { length: piece.length, written: done };
  };
  const settleOldest = async (): Promise<void> => {
    const oldest = sent.shift();
    await oldest?.written;
    written += oldest?.length ?? 0;
  };
  for await (const chunk of content) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0) {
      while (!flow.mayAsk(position - written)) await settleOldest();
      const piece = rest.subarray(0, flow.pieceBytes());
      await pause(session.link, pace(piece.length, performance.now()));
      sent.push(send(piece));
      position += piece.length;
      rest = rest.subarray(piece.length);
    }
  }
  while (sent.length > 0) await settleOldest();
  return position;
}
