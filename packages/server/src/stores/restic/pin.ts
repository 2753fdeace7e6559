// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readJson, writeFileAtomic } from '@local-backup/common/atomic-file';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';

/**
 * The repository that belongs to a host, remembered by `init`: a disk that was swapped, or an empty one mounted in its
 * place, has another id and must not pass for it.
 */
const pinSchema = z.object({
  id: z.string().regex(/^[0-9a-f]{64}$/),
  /** When `init` saw it first, ISO. */
  pinned: z.iso.datetime(),
  /** Its location then, for people. */
  repository: z.string(),
});

export type Pin = z.infer<typeof pinSchema>;

/**
 * @returns undefined when nothing was pinned yet
 * @throws BackupError `failed` when the file is there but cannot be used
 */
export async function readPin(file: string): Promise<Pin | undefined> {
  try {
    return await readJson(file, pinSchema);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    if ((error.cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new BackupError(
      'failed',
      `${error.message} It holds the id of the host's restic repository: restore it from a backup, or remove it and run ` +
        '"backup-server init", which looks at the repository again.',
      { cause: error },
    );
  }
}

/** Makes the directory too where it is missing. */
export async function writePin(file: string, pin: Pin): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFileAtomic(file, `${JSON.stringify(pin, undefined, 2)}\n`, { mode: 0o600 });
}

/**
 * A repository can be reached by two names that do not look alike: another address of the same machine, a second mount.
 * Its id tells.
 * @throws BackupError `config` where the pin of another host or copy has the same id
 */
export async function requireUnshared(pinFile: string, { repository, id }: { repository: string; id: string }) {
  const directory = dirname(pinFile);
  for (const name of await readdir(directory).catch(() => [])) {
    const file = join(directory, name);
    if (file === pinFile || !name.endsWith('.json')) continue;
    // One that cannot be read is told to its own host.
    const other = await readPin(file).catch(() => undefined);
    if (other?.id !== id) continue;
    throw new BackupError(
      'config',
      `The restic repository at ${repository} (id ${id.slice(0, 10)}) is that of ${basename(name, '.json')} already, at ` +
        `${other.repository}: each host and each copy needs one of its own. Give another location; a repository that was ` +
        'made by copying the files of another cannot be used beside it either. If the other one is not configured any ' +
        `more, remove ${file} first.`,
    );
  }
}

/** Where and whose, for messages; the repository without credentials. */
interface Place {
  readonly repository: string;
  readonly host: string;
  readonly pinFile: string;
}

/** @throws BackupError `failed` when the repository is not the pinned one, or none was pinned */
export function requirePinned(pin: Pin | undefined, found: Place & { readonly id: string }): void {
  if (pin?.id === found.id) return;
  throw new BackupError('failed', pin === undefined ? describeUnpinned(found) : describeSwapped(pin, found));
}

/** A repository was there once: creating another in its place would hide that the first is gone. */
export function describeMissingPinned(pin: Pin, { repository, host, pinFile }: Place): string {
  return (
    `There is no restic repository at ${repository}, but there was one for ${host} on ${pin.pinned} ` +
    `(id ${pin.id.slice(0, 10)}). Is its disk mounted? To start a new history on purpose, remove ${pinFile} first.`
  );
}

function describeUnpinned({ repository, host, id }: Place & { readonly id: string }): string {
  return (
    `The restic repository at ${repository} (id ${id.slice(0, 10)}) can be opened, but was never confirmed as that of ` +
    `${host}. If it is the right one: "backup-server init ${host}" remembers its id and changes nothing in it.`
  );
}

function describeSwapped(pin: Pin, { repository, host, pinFile, id }: Place & { readonly id: string }): string {
  return (
    `The restic repository at ${repository} is not the one that was initialised for ${host} on ${pin.pinned}: its id is ` +
    `${id.slice(0, 10)}, expected was ${pin.id.slice(0, 10)}. Nothing was changed. Is another disk mounted there? If ` +
    `the change was intended, remove ${pinFile} and run "backup-server init ${host}".`
  );
}
