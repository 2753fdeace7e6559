// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { type Manifest, manifestSchema } from '@local-backup/common/manifest';
import { entryListName } from '@local-backup/common/spool';
import type { SpoolArchive } from './spool-contents.ts';

/** Complaints quoted of a manifest that is not one. */
const COMPLAINTS_SHOWN = 3;

/**
 * The manifest of an archive, compared with what the spool shows.
 * @throws BackupError `untrusted` where it is no manifest, or that of another archive
 */
export function parsePublished(text: string, archive: SpoolArchive): Manifest {
  const manifest = parseManifest(text, archive.name);
  const differences = [
    ...compare('hostname', manifest.hostname, archive.hostname),
    ...compare('archive', manifest.archive, archive.name),
    ...compare('bytes', manifest.bytes, archive.bytes),
    ...compare('entryList.name', manifest.entryList.name, entryListName(archive.name)),
  ];
  if (differences.length === 0) return manifest;
  const reason = `The manifest of ${archive.name} does not fit what is in the spool: ${differences.join('; ')}.`;
  throw new BackupError('untrusted', `${reason} Was one of the files changed or cut off after the client wrote it?`);
}

function parseManifest(text: string, archive: string): Manifest {
  const parsed = manifestSchema.safeParse(parseJson(text, archive));
  if (parsed.success) return parsed.data;
  const complaints = parsed.error.issues
    .slice(0, COMPLAINTS_SHOWN)
    .map(({ path, message }) => `${path.map(String).join('.') || 'top level'}: ${message}`);
  throw new BackupError('untrusted', `The manifest of ${archive} is not valid: ${complaints.join('; ')}.`);
}

function parseJson(text: string, archive: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BackupError('untrusted', `The manifest of ${archive} is not JSON.`, { cause: error });
  }
}

function compare(what: string, promised: string | number, found: string | number): string[] {
  return promised === found ? [] : [`${what} is ${promised}, found ${found}`];
}
