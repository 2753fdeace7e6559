// SPDX-License-Identifier: AGPL-3.0-or-later
import { stat } from 'node:fs/promises';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Saved, SaveRequest, Snapshot } from '../store.ts';
import { backupArgs } from './args.ts';
import { EXIT } from './exit-codes.ts';
import { type Message, parseMessage, type Summary } from './messages.ts';
import type { Restic } from './restic.ts';

/** Items named in a result; a tree with more than these has one problem, not many. */
const ITEMS_NAMED = 200;

export interface SaveParts {
  readonly restic: Restic;
  /** `backup_options` of the configuration. */
  readonly backupOptions: readonly string[];
  readonly saveMs: number;
  readonly snapshots: (signal: AbortSignal) => Promise<readonly Snapshot[]>;
}

/** The verb `save` of the store. */
export async function save(parts: SaveParts, request: SaveRequest, signal: AbortSignal): Promise<Saved> {
  await requireDirectory(request.directory);
  if (request.dryRun) return savedOf(undefined, await backup(parts, request, { dryRun: true, signal }));
  const repeated = await findRepeated(parts, request, signal);
  if (repeated !== undefined) return repeated;
  const outcome = await backup(parts, request, { dryRun: false, signal });
  return savedOf(await findAgain(parts, outcome.summary, request, signal), outcome);
}

interface Outcome {
  readonly summary: Summary;
  readonly unreadable: readonly string[];
}

function savedOf(snapshot: string | undefined, { summary, unreadable }: Outcome): Saved {
  return {
    snapshot,
    filesNew: summary.files_new,
    filesChanged: summary.files_changed,
    filesUnmodified: summary.files_unmodified,
    bytesProcessed: summary.total_bytes_processed,
    bytesAdded: summary.data_added,
    unreadable,
  };
}

async function requireDirectory(directory: string): Promise<void> {
  const facts = await stat(directory).catch(() => undefined);
  if (facts?.isDirectory() === true) return;
  throw new BackupError('failed', `There is no directory ${showControls(directory)} to be saved.`);
}

/**
 * A run that was ended between the snapshot and its confirmation saves the same stamp again. The snapshot that is there
 * counts if a dry run against it finds nothing new, which tells once more what could not be read.
 */
async function findRepeated(parts: SaveParts, request: SaveRequest, signal: AbortSignal): Promise<Saved | undefined> {
  const newestFirst = [...(await parts.snapshots(signal))].reverse();
  const existing = newestFirst.find(({ tags }) => tags.includes(request.stamp));
  if (existing === undefined) return undefined;
  const outcome = await backup(parts, { ...request, readAll: false }, { dryRun: true, parent: existing.id, signal });
  const { files_new, files_changed } = outcome.summary;
  if (files_new + files_changed > 0) return undefined;
  // The dry run counts directories whose change time is another one; nothing of it was stored.
  return { ...savedOf(existing.id, outcome), bytesAdded: 0 };
}

async function backup(
  { restic, backupOptions, saveMs }: SaveParts,
  { directory, stamp, readAll = false }: SaveRequest,
  { signal, ...how }: { readonly dryRun: boolean; readonly parent?: string; readonly signal: AbortSignal },
): Promise<Outcome> {
  const { host } = restic.settings;
  const seen = createCollector(directory);
  const args = backupArgs({ host, stamp, options: backupOptions, readAll, ...how });
  const { exitCode, stderr } = await restic.call(args, {
    ...{ cwd: directory, onLine: seen.line, signal, timeoutMs: saveMs },
    ...{ acceptIncomplete: true, locks: true },
  });
  stderr.split('\n').forEach(seen.line);
  const { summary, unreadable } = seen.result();
  if (summary === undefined) {
    throw new BackupError(
      'failed',
      `restic backup of ${host} ended without its summary (exit code ${exitCode}), so nothing proves that it stored ` +
        'anything. It counts as failed; run it again.',
    );
  }
  const unnamed = exitCode === EXIT.incomplete && unreadable.length === 0;
  return { summary, unreadable: unnamed ? ['(restic did not name what it could not read)'] : unreadable };
}

/** Takes lines of output as they come and keeps what matters, in bounded memory. */
function createCollector(directory: string) {
  let summary: Summary | undefined;
  let notNamed = 0;
  const items = new Set<string>();

  const addItem = (item: string): void => {
    const name = showControls(item.startsWith(`${directory}/`) ? item.slice(directory.length + 1) : item);
    if (items.size < ITEMS_NAMED) items.add(name);
    else if (!items.has(name)) notNamed += 1;
  };
  const take = (message: Message): void => {
    if (message.message_type === 'summary') summary = message;
    if (message.message_type === 'error') addItem(message.item);
  };
  return {
    line: (line: string): void => {
      const message = parseMessage(line);
      if (message !== undefined) take(message);
    },
    result: () => ({
      summary,
      unreadable: notNamed === 0 ? [...items] : [...items, `(and at least ${notNamed} more)`],
    }),
  };
}

/** The whole id of the snapshot that the summary names, seen in the repository's own list. */
async function findAgain(
  { restic, snapshots }: SaveParts,
  { snapshot_id }: Summary,
  { stamp }: SaveRequest,
  signal: AbortSignal,
): Promise<string> {
  const found = (await snapshots(signal)).filter(({ id, tags }) => id.startsWith(snapshot_id) && tags.includes(stamp));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.id;
  throw new BackupError(
    'failed',
    `restic reported snapshot ${snapshot_id} of ${restic.settings.host}, but the repository does not list it with tag ` +
      `${stamp}. It counts as not stored; look at the repository with "restic check" before the next run.`,
  );
}
