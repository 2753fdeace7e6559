// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';

export interface Comparison {
  readonly files: number;
  readonly entries: number;
  readonly bytes: number;
  /** One line per difference. */
  readonly differences: readonly string[];
}

/**
 * Compares a restored tree with its source, entry by entry: type, owner, mode, time to the nanosecond, link target,
 * and every byte of content. Written apart from the programs that it judges.
 *
 * @param ignore paths of the source that change by themselves or were excluded
 */
export async function compareTrees(source: string, restored: string, ignore: readonly string[]): Promise<Comparison> {
  const result = { files: 0, entries: 0, bytes: 0, differences: [] as string[] };
  const skipped = new Set(ignore);
  for (const path of walk(Buffer.from(source))) {
    const relative = path.subarray(Buffer.byteLength(source));
    if (skipped.has(path.toString())) continue;
    result.entries += 1;
    const copy = Buffer.concat([Buffer.from(restored), relative]);
    const difference = await compareEntry(path, copy, result);
    if (difference !== undefined) result.differences.push(`${path.toString()}: ${difference}`);
  }
  return result;
}

function* walk(path: Buffer): Generator<Buffer> {
  yield path;
  if (!lstatSync(path).isDirectory()) return;
  for (const name of readdirSync(path, { encoding: 'buffer' }))
    yield* walk(Buffer.concat([path, Buffer.from('/'), name]));
}

async function compareEntry(path: Buffer, copy: Buffer, sums: { files: number; bytes: number }) {
  const a = lstatSync(path, { bigint: true });
  if (a.isSocket()) return undefined;
  const b = lstatSync(copy, { bigint: true, throwIfNoEntry: false });
  if (b === undefined) return 'is missing in the restored copy';
  for (const key of ['mode', 'uid', 'gid', 'mtimeNs'] as const) {
    if (a[key] !== b[key]) return `${key} is ${b[key]}, was ${a[key]}`;
  }
  if (a.isSymbolicLink()) {
    const [was, is] = [path, copy].map((link) => readlinkSync(link, { encoding: 'buffer' }).toString('latin1'));
    return was === is ? undefined : `points to ${is}, was ${was}`;
  }
  if (!a.isFile()) return undefined;
  sums.files += 1;
  sums.bytes += Number(a.size);
  if (a.size !== b.size) return `size is ${b.size}, was ${a.size}`;
  return (await sha256(path)) === (await sha256(copy)) ? undefined : 'content differs';
}

async function sha256(path: Buffer): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
