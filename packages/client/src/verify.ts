// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import type { Entry } from '@local-backup/common/entry';
import { createEntryComparison, type EntryComparison } from '@local-backup/common/entry-comparison';
import { readEntryLines } from '@local-backup/common/entry-list';
import { BackupError } from '@local-backup/common/errors';
import { gunzipFile } from '@local-backup/common/gunzip-file';
import type { Manifest } from '@local-backup/common/manifest';
import { MEMBER_LIMITS } from '@local-backup/common/member-limits';
import type { TarLimits, TarTotals } from '@local-backup/common/tar-limits';
import { hashHoles } from '@local-backup/common/tar-reader';
import { createTarReader } from '@local-backup/common/tar-stream';
import { UNBOUNDED } from './archive-limits.ts';

export interface VerifyRequest {
  /** Path of the archive. */
  readonly archive: string;
  /** Path of its entry list. */
  readonly entryList: string;
  readonly manifest: Pick<Manifest, 'bytes' | 'sha256' | 'totals' | 'entryList'>;
  /** Ends the reading. */
  readonly signal: AbortSignal;
  /** Called with every member; what it throws ends the reading. */
  readonly judge?: (entry: Entry) => void;
}

/** Single members have to be such as the server takes. */
const LIMITS: TarLimits = { ...UNBOUNDED, ...MEMBER_LIMITS };

/**
 * Reads a finished archive back from disk, once: sizes and hashes of both files, every member against the entry list,
 * content included, and the totals.
 *
 * @throws BackupError `untrusted` naming the first difference; what the signal was aborted with
 */
export async function verifyArchive(request: VerifyRequest): Promise<void> {
  const { archive, entryList, manifest } = request;
  const archiveSum = createSum();
  const listSum = createSum();
  const list = readEntryLines(entryList, { entries: manifest.totals.entries, onCompressed: listSum.add });
  const comparison = createEntryComparison(list);
  const totals = await readBack(gunzipFile(archive, { onCompressed: archiveSum.add }), comparison, request);
  await comparison.end();
  requireSame('the archive', archiveSum.result(), manifest);
  requireSame('the entry list', listSum.result(), manifest.entryList);
  requireTotals(totals, manifest.totals);
}

async function readBack(
  tar: AsyncIterable<Buffer>,
  comparison: EntryComparison,
  { signal, judge }: Pick<VerifyRequest, 'signal' | 'judge'>,
): Promise<TarTotals> {
  let batch: Entry[] = [];
  const onEntry = (entry: Entry) => {
    judge?.(entry);
    batch.push(entry);
  };
  const reader = createTarReader({ limits: LIMITS, onEntry });
  for await (const piece of tar) {
    signal.throwIfAborted();
    if (!reader.write(piece)) await hashHoles(reader, signal);
    await comparison.take(batch);
    batch = [];
  }
  const totals = reader.end();
  await comparison.take(batch);
  return totals;
}

interface Sum {
  readonly bytes: number;
  readonly sha256: string;
}

function createSum() {
  const hash = createHash('sha256');
  let bytes = 0;
  return {
    add(piece: Buffer): void {
      hash.update(piece);
      bytes += piece.length;
    },
    result: (): Sum => ({ bytes, sha256: hash.digest('hex') }),
  };
}

function requireSame(what: string, found: Sum, promised: Sum): void {
  if (found.bytes !== promised.bytes) {
    throw new BackupError(
      'untrusted',
      `Verification failed: ${what} has ${found.bytes} bytes instead of ${promised.bytes}.`,
    );
  }
  if (found.sha256 === promised.sha256) return;
  throw new BackupError('untrusted', `Verification failed: the sha256 of ${what} is not the one in the manifest.`);
}

function requireTotals(found: TarTotals, promised: TarTotals): void {
  for (const key of ['files', 'entries', 'bytes'] as const) {
    if (found[key] === promised[key]) continue;
    const difference = `the archive has ${found[key]} ${key}, the manifest ${promised[key]}`;
    throw new BackupError('untrusted', `Verification failed: ${difference}.`);
  }
}
