// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { INIT_ARGS, INIT_COPY_ARGS } from './args.ts';
import { describeMissingPinned, readPin, requirePinned, requireUnshared, writePin } from './pin.ts';
import type { Restic } from './restic.ts';

export interface InitParts {
  readonly restic: Restic;
  /** Opens the repository that this one will be a copy of as well; undefined: it is no copy. */
  readonly beside: Restic | undefined;
  /** Without credentials, for people and for the pin. */
  readonly repository: string;
  readonly pinFile: string;
  readonly queryMs: number;
  readonly now: () => Date;
  /** Undefined where there is no repository. */
  readonly findRepository: (signal: AbortSignal) => Promise<string | undefined>;
}

/** The verb `init` of the store: creates what is missing, and remembers the id of what is there. */
export async function init(parts: InitParts, signal: AbortSignal): Promise<{ created: boolean; id: string }> {
  const { repository, pinFile, now, findRepository } = parts;
  const { host } = parts.restic.settings;
  const pin = await readPin(pinFile);
  const existing = await findRepository(signal);
  if (existing === undefined && pin !== undefined) {
    throw new BackupError('failed', describeMissingPinned(pin, { repository, host, pinFile }));
  }
  const id = existing ?? (await create(parts, signal));
  if (pin !== undefined) requirePinned(pin, { id, repository, host, pinFile });
  else {
    await requireUnshared(pinFile, { id, repository });
    await writePin(pinFile, { id, pinned: now().toISOString(), repository });
  }
  return { created: existing === undefined, id };
}

async function create(
  { restic, beside, repository, queryMs, findRepository }: InitParts,
  signal: AbortSignal,
): Promise<string> {
  await requireFreePlace(restic.settings.repository);
  if (beside === undefined) await restic.call(INIT_ARGS, { signal, timeoutMs: queryMs });
  else await beside.call(INIT_COPY_ARGS, { signal, timeoutMs: queryMs });
  const id = await findRepository(signal);
  if (id !== undefined) return id;
  throw new BackupError('failed', `restic init reported success, but there is no repository at ${repository}.`);
}

/**
 * restic would make missing parent directories, beneath a disk that is not mounted for example, and 0.14 would start
 * again over the keys of a repository that has lost its configuration.
 */
async function requireFreePlace(repository: string): Promise<void> {
  if (!repository.startsWith('/')) return;
  const cannot = `Cannot create a restic repository at ${repository}:`;
  const parent = dirname(repository);
  if ((await stat(parent).catch(() => undefined))?.isDirectory() !== true) {
    throw new BackupError(
      'failed',
      `${cannot} there is no directory ${parent}. Mount the disk or create the directory.`,
    );
  }
  const names = await readdir(repository).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new BackupError('failed', `${cannot} ${error.message}.`, { cause: error });
  });
  if (names.length === 0) return;
  throw new BackupError(
    'failed',
    `${cannot} it holds files, but no repository configuration. Either an earlier init was interrupted (then its ` +
      'directory "data" holds no files: remove the whole and repeat), or this is a repository that has lost its file ' +
      '"config" (bring that back from a copy).',
  );
}
