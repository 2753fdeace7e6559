// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, bytesOf } from '@local-backup/common/byte-path';

/** A path below a directory, for the functions of node:fs; `.` is the directory, not what a link in its place leads to. */
export function bytesBelow(directory: string, path: BytePath): Buffer {
  if (path === '.') return Buffer.from(directory);
  return Buffer.concat([Buffer.from(directory === '/' ? '/' : `${directory}/`), bytesOf(path)]);
}
