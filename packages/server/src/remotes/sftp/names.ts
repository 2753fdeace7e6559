// SPDX-License-Identifier: AGPL-3.0-or-later
import { posix } from 'node:path';
import { escapeControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { partialName } from '@local-backup/common/spool';
import type { RemoteFile } from '../remote.ts';

/** NAME_MAX of Linux, in bytes. */
const MAX_NAME_BYTES = 255;

/** From sys/stat.h: the bits of a mode that tell what kind of file it is. */
const TYPE_MASK = 0o170000;
const TYPE_DIRECTORY = 0o040000;
const TYPE_FILE = 0o100000;

/** Attributes as SFTP gives them; a server may leave any of them out. */
export interface RemoteAttributes {
  readonly mode?: number | undefined;
  readonly size?: number | undefined;
  readonly mtime?: number | undefined;
}

/**
 * Joins a name to the spool's directory.
 * @throws BackupError `untrusted` when the name could lead out of the spool or cannot be sent as it is.
 */
export function spoolPath(directory: string, name: string): string {
  const safe = name.split('/').every(isPlainName);
  if (safe) return posix.join(directory, name);
  throw new BackupError('untrusted', `Not a name within the spool: ${escapeControls(name)}`);
}

/** Parent directories of a spool name, outermost first: `a/b/c` gives `a` and `a/b`. */
export function parentsOf(name: string): string[] {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** What a file is called while it is being written: `done/.x.partial` for `done/x`. */
export function partialOf(name: string): string {
  return posix.join(posix.dirname(name), partialName(posix.basename(name)));
}

/** An entry of a directory. Its name is the peer's word: one that is not plain is made harmless and of type `other`. */
export function directoryEntry(name: string, attributes: RemoteAttributes): RemoteFile {
  if (isPlainName(name)) return { name, ...describe(attributes) };
  // For people's eyes only: it neither steers a terminal nor leads anywhere when somebody joins it to a path.
  return { name: escapeControls(name).replaceAll('/', '\\x2f'), ...describe(attributes), type: 'other' };
}

/** What a peer says about a file, as far as it makes sense. */
export function describe({ mode, size = 0, mtime = 0 }: RemoteAttributes): Omit<RemoteFile, 'name'> {
  return { type: typeOf(mode), size: Number.isSafeInteger(size) ? size : 0, mtime };
}

/** True for a mode of a plain file. */
export function isFileMode(mode: number | undefined): boolean {
  return typeOf(mode) === 'file';
}

/** One name without directories that can be sent, shown and created as it is. U+FFFD stands for bytes that were not UTF-8. */
function isPlainName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\ufffd')) return false;
  return escapeControls(name) === name && Buffer.byteLength(name) <= MAX_NAME_BYTES;
}

function typeOf(mode: number | undefined): RemoteFile['type'] {
  const type = (mode ?? 0) & TYPE_MASK;
  if (type === TYPE_FILE) return 'file';
  return type === TYPE_DIRECTORY ? 'directory' : 'other';
}
