// SPDX-License-Identifier: AGPL-3.0-or-later

/** A directory of the archive that is nowhere on the host: its own, mode 0700, root's. */
export interface DirectoryMember {
  /** `type/service`: ASCII; the last name has at most 100 bytes, what is before it at most 155. */
  readonly path: string;
  readonly mtimeSeconds: number;
}

/** The header block of a directory in posix format; the layout is in the manual of GNU tar, "Basic Tar Format". */
export function formatDirectory({ path, mtimeSeconds }: DirectoryMember): Buffer {
  const block = Buffer.alloc(512);
  const split = path.length <= 100 ? -1 : path.lastIndexOf('/');
  block.write(path.slice(split + 1), 0, 100, 'latin1');
  block.write('0000700\x000000000\x000000000\x0000000000000\x00', 100, 'latin1');
  block.write(mtimeSeconds.toString(8).padStart(11, '0'), 136, 11, 'latin1');
  block.write('5', 156);
  block.write('ustar\x0000', 257, 'latin1');
  block.write('0000000\x000000000\x00', 329, 'latin1');
  block.write(path.slice(0, Math.max(split, 0)), 345, 155, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\x00 `, 148, 'latin1');
  return block;
}
