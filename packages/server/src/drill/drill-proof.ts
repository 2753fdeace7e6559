// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArchiveName } from '@local-backup/common/archive-name';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { MANIFEST_MAX_BYTES, type Manifest, manifestSchema } from '@local-backup/common/manifest';
import type { Snapshot } from '../stores/store.ts';
import { hashFile } from '../tree/hash-file.ts';
import { PROOF_DIRECTORY } from '../tree/proof-directory.ts';

/** What a snapshot says about itself, restored. */
export interface RestoredProof {
  /** The file with the entry list. */
  readonly entryList: string;
  /** Undefined where the archive came without one. */
  readonly manifest: Manifest | undefined;
}

const ARCHIVE_NAME_MAX_BYTES = 1024;

/**
 * Looks at the restored `.backup` of a snapshot: it is whole, its parts fit together, and it belongs to this snapshot of
 * this host.
 *
 * @throws BackupError `failed` with what does not fit
 */
export async function checkProof(
  tree: string,
  snapshot: Snapshot,
  { host, signal }: { readonly host: string; readonly signal: AbortSignal },
): Promise<RestoredProof> {
  const entryList = await requireFile(tree, 'entries.gz', Number.POSITIVE_INFINITY);
  const archive = (await readFile(await requireFile(tree, 'archive', ARCHIVE_NAME_MAX_BYTES), 'utf8')).trim();
  const { hostname, stamp } = parseArchiveName(archive) ?? {};
  if (hostname !== host || stamp === undefined || !snapshot.tags.includes(stamp))
    throw misfit(`it says that it was made of ${showControls(archive)}, which is not the archive of this snapshot`);
  const manifest = await readManifest(tree);
  if (manifest === undefined) return { entryList, manifest };
  if (manifest.archive !== archive) throw misfit(`its manifest is that of ${showControls(manifest.archive)}`);
  const sha256 = await hashFile(Buffer.from(entryList), Number.POSITIVE_INFINITY, signal);
  if (sha256 !== manifest.entryList.sha256) throw misfit('its entry list is not the one that its manifest names');
  return { entryList, manifest };
}

async function readManifest(tree: string): Promise<Manifest | undefined> {
  const name = 'manifest.json';
  if ((await lstat(join(tree, PROOF_DIRECTORY, name)).catch(() => undefined)) === undefined) return undefined;
  const text = await readFile(await requireFile(tree, name, MANIFEST_MAX_BYTES), 'utf8');
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw misfit('its manifest cannot be read', cause);
  }
}

/** A regular file in a real directory: a link would lead somewhere else. */
async function requireFile(tree: string, name: string, maxBytes: number): Promise<string> {
  const directory = join(tree, PROOF_DIRECTORY);
  const file = join(directory, name);
  const [parent, found] = await Promise.all([directory, file].map((path) => lstat(path).catch(() => undefined)));
  if (parent?.isDirectory() === true && found?.isFile() === true && found.size <= maxBytes) return file;
  if (parent === undefined) throw misfit(`it has no ${PROOF_DIRECTORY} (did another program make it?)`);
  throw misfit(
    found === undefined
      ? `${PROOF_DIRECTORY}/${name} is missing`
      : `${PROOF_DIRECTORY}/${name} is not what it should be`,
  );
}

function misfit(what: string, cause?: unknown): BackupError {
  const advice =
    'Restore an older snapshot to see how far back this goes, and look at the repository: restic check --read-data';
  return new BackupError('failed', `The snapshot cannot prove itself: ${what}. ${advice}`, { cause });
}
