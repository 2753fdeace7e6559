// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fsyncDirectory, readJson, writeFileAtomic } from '@local-backup/common/atomic-file';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Suspicion } from '@local-backup/common/run-record';
import * as z from 'zod';

/** Why a host is suspicious, and since when; nothing is forgotten for it until somebody has looked. */
export interface Mark extends Suspicion {
  /** When the first evidence was found, by the server's clock, ISO. */
  readonly since: string;
}

/** What one run has found. */
export interface Finding {
  /** Lines in plain words. */
  readonly evidence: readonly string[];
  /** Whole id of the newest snapshot before; undefined where there is none. */
  readonly lastGood: string | undefined;
  readonly now: Date;
}

/** A host that is found odd every night must not fill the disk, nor a mail. */
const MOST_EVIDENCE = 50;
const LONGEST_EVIDENCE = 500;

const markSchema = z.strictObject({
  format: z.literal(1),
  since: z.iso.datetime(),
  evidence: z.array(z.string()).min(1),
  /** The last snapshot before the first evidence. */
  lastGood: z.string().optional(),
});

/** The file that makes a host suspicious as long as it is there. */
export function suspicionFile(stateDirectory: string, host: string): string {
  return join(directoryOf(stateDirectory), `${host}.json`);
}

/**
 * The mark of a host; undefined for a host that nothing is held against.
 * @throws BackupError `failed` where there is a mark that cannot be read: the host counts as suspicious then
 */
export async function readSuspicion(stateDirectory: string, host: string): Promise<Mark | undefined> {
  const file = suspicionFile(stateDirectory, host);
  try {
    const { format: _, lastGood, ...mark } = await readJson(file, markSchema);
    return lastGood === undefined ? mark : { ...mark, lastGood };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw damaged(host, error);
  }
}

/**
 * Marks a host, on disk when it resolves. What an earlier run has found stays: since when, the last snapshot before, its
 * evidence; what is new is added to that.
 * @throws BackupError `failed` where it cannot be written, or the mark that is there cannot be read
 */
export async function markSuspicious(
  stateDirectory: string,
  host: string,
  { evidence, lastGood, now }: Finding,
): Promise<Mark> {
  const earlier = await readSuspicion(stateDirectory, host);
  const lines = [...(earlier?.evidence ?? []), ...evidence.map((line) => line.slice(0, LONGEST_EVIDENCE))];
  const before = earlier === undefined ? lastGood : earlier.lastGood;
  const mark: Mark = {
    since: earlier?.since ?? now.toISOString(),
    evidence: [...new Set(lines)].slice(0, MOST_EVIDENCE),
    ...(before === undefined ? {} : { lastGood: before }),
  };
  await mkdir(directoryOf(stateDirectory), { recursive: true, mode: 0o700 });
  const text = `${JSON.stringify({ format: 1, ...mark }, undefined, 2)}\n`;
  await writeFileAtomic(suspicionFile(stateDirectory, host), text, { mode: 0o600 });
  return mark;
}

/** Takes the mark away, a damaged one too; harmless where there is none. */
export async function clearSuspicion(stateDirectory: string, host: string): Promise<void> {
  await rm(suspicionFile(stateDirectory, host), { force: true });
  await fsyncDirectory(directoryOf(stateDirectory)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

function directoryOf(stateDirectory: string): string {
  return join(stateDirectory, 'suspicious');
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof BackupError ? error.cause : undefined;
  return cause instanceof Error && (cause as NodeJS.ErrnoException).code === 'ENOENT';
}

function damaged(host: string, error: unknown): BackupError {
  const reason = error instanceof Error ? error.message : String(error);
  const name = showControls(host);
  return new BackupError(
    'failed',
    `${name} was marked suspicious, but why cannot be read any more, so nothing is forgotten for it. Compare its newest ` +
      `snapshots (backup-server snapshots ${name}), then take the mark away: backup-server release ${name}. ${reason}`,
    { cause: error },
  );
}
