// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { type CopyIo, readServiceCopy, type TaskChecks, verifyServiceCopy } from '@local-backup/client/verify-copy';
import { BackupError } from '@local-backup/common/errors';
import type { ManifestService } from '@local-backup/common/manifest';
import * as z from 'zod';
import type { Job, TaskVerdict, Verdict } from './verdict.ts';

type Plugin = CopyIo['plugins'][number];

/** What is told of one task; the rest is in the counts. */
const NAMED = 10;
const NAME_CHARACTERS = 200;
const MESSAGE_CHARACTERS = 1_000;
const UNKNOWN_NAMED = 20;

/**
 * Runs every plugin's `verify` at level `full` on one service of a restored copy. For the inside of the cage: the plugins
 * start programs on what is in the copy.
 * @param root the restored tree
 */
export async function verifyInside(root: string, { service, manifest }: Job, io: CopyIo): Promise<Verdict> {
  const copy = { directory: join(root, service), manifest };
  const strange = unknownPlugins(manifest, io.plugins);
  try {
    const known = await readServiceCopy(copy, [...io.plugins, ...strange.map(standIn)]);
    const results = await verifyServiceCopy(copy, known, 'full', io);
    const unknown = known.tasks.filter(({ key }) => strange.includes(key)).map(({ key }) => key);
    return { kind: 'looked', tasks: results.map(verdictOf), unknown: cut(unknown, UNKNOWN_NAMED, NAME_CHARACTERS) };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { kind: 'unreadable', why: error.message.slice(0, MESSAGE_CHARACTERS) };
  }
}

/** A host may have plugins of its own. */
function unknownPlugins(manifest: ManifestService | undefined, plugins: readonly Plugin[]): readonly string[] {
  const known = new Set(plugins.map(({ name }) => name));
  return [...new Set(manifest?.tasks.map(({ plugin }) => plugin) ?? [])].filter((name) => !known.has(name));
}

/** So that a service with such a task can be read; it has nothing that could look at a copy. */
function standIn(name: string): Plugin {
  return { name, summary: '', options: z.unknown(), run: async () => ({}) };
}

function verdictOf({ task, checks }: TaskChecks): TaskVerdict {
  const of = (status: TaskChecks['checks'][number]['status']) => checks.filter((check) => check.status === status);
  const [failed, skipped] = [of('failed'), of('skipped')];
  return {
    task: task.slice(0, NAME_CHARACTERS),
    ...{ ok: of('ok').length, failed: failed.length, skipped: skipped.length },
    failures: failed.slice(0, NAMED).map(shortened),
    skips: skipped.slice(0, NAMED).map(shortened),
  };
}

function shortened({ name, message }: TaskChecks['checks'][number]) {
  return { name: name.slice(0, NAME_CHARACTERS), message: message.slice(0, MESSAGE_CHARACTERS) };
}

function cut(texts: readonly string[], most: number, characters: number): string[] {
  return texts.slice(0, most).map((text) => text.slice(0, characters));
}
