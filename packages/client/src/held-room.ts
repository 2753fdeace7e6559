// SPDX-License-Identifier: AGPL-3.0-or-later
import { statfs } from 'node:fs/promises';
import { bytesOf } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import type { HoldPlace } from './archive-held.ts';
import { startTar, type TarRunOptions } from './archive-tree.ts';
import type { NamedRead } from './tar-args.ts';

/** A service waits meanwhile: for all its trees together, in milliseconds. tar looks at some 50,000 files a second. */
export const MEASURE_MS = 20_000;

/**
 * Why there is no room for a temporary tar, as a sentence; undefined where there is. The room has to be twice its size:
 * the archive, which may hardly become smaller, is beside it in the end. Where nobody knows the size in time, it is what
 * it was in the last archive, or at most all that the file system holds; that it is not so is noticed while it is written.
 */
export async function complainAboutRoom(
  read: NamedRead,
  options: TarRunOptions,
  place: HoldPlace,
): Promise<string | undefined> {
  const { directory, minFreeBytes, expectedBytes } = place;
  const size = await measure(read, options, place);
  if (size === 'unknown') return 'tar does not tell how large it is';
  const bytes = typeof size === 'number' ? size : (expectedBytes ?? (await usedBytes(read)));
  const free = await freeBytes(directory);
  if (free >= minFreeBytes + 2 * bytes) return undefined;
  const room = `${formatBytes(free)} are free, and ${formatBytes(minFreeBytes)} of them have to stay so`;
  if (typeof size === 'number') return `it takes twice its ${formatBytes(bytes)}, and ${room}`;
  const guess = expectedBytes === undefined ? 'its file system holds' : 'it had last time';
  return `measuring it took too long; it may take twice the ${formatBytes(bytes)} that ${guess}, and ${room}`;
}

/** Bytes that may be written where the directory is. */
export async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

/** GNU tar that writes to /dev/null reads no content, and tells how large the archive would be. */
async function measure(
  read: NamedRead,
  options: TarRunOptions,
  { measuring = { leftMs: MEASURE_MS } }: HoldPlace,
): Promise<number | 'too long' | 'unknown'> {
  const begun = performance.now();
  const timeoutMs = Math.min(options.timeoutMs, options.stallMs, measuring.leftMs);
  if (timeoutMs <= 0) return 'too long';
  const run = startTar(read, { ...options, timeoutMs }, '/dev/null');
  run.stdout.resume();
  try {
    const { stderr } = await run.finished;
    const total = /^Total bytes written: (\d+)/m.exec(stderr)?.[1];
    return total === undefined ? 'unknown' : Number(total);
  } catch (error) {
    options.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return performance.now() - begun < timeoutMs ? 'unknown' : 'too long';
  } finally {
    measuring.leftMs -= performance.now() - begun;
  }
}

/** What is used where the tree begins: it is no larger, but for what is mounted inside and for what is compressed there. */
async function usedBytes({ root, paths }: NamedRead): Promise<number> {
  const [first] = paths;
  const top = first === undefined ? root : Buffer.concat([Buffer.from(`${root}/`), bytesOf(first)]);
  const { blocks, bfree, bsize } = await statfs(top).catch(() => statfs(root));
  return (blocks - bfree) * bsize;
}
