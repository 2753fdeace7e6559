// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** One entry of a tree as it is on the disk. Paths and targets are strings with one character per byte. */
export interface TreeEntry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  /** Of a file; a hash, because comparing the bytes of large files in assertions takes ages. */
  readonly sha256?: string;
  /** Of a file, in bytes. */
  readonly size?: number;
  /** Of a symlink. */
  readonly target?: string;
  /** The path of the first entry with the same inode, where there is one. */
  readonly sameAs?: string;
}

/** Everything beneath a directory, without the directory itself, in path order: two equal lists are two equal trees. */
export function readTree(root: string): TreeEntry[] {
  const firstOf = new Map<bigint, string>();
  const walk = (directory: string): TreeEntry[] => {
    const names = readdirSync(bytesOf(`${root}/${directory}`), { encoding: 'latin1' }).sort();
    return names.flatMap((name) => {
      const entry = readEntry(root, directory + name, firstOf);
      return entry.type === 'directory' ? [entry, ...walk(`${entry.path}/`)] : [entry];
    });
  };
  return walk('');
}

function readEntry(root: string, path: string, firstOf: Map<bigint, string>): TreeEntry {
  const file = bytesOf(`${root}/${path}`);
  const facts = lstatSync(file, { bigint: true });
  const { uid, gid, mtimeNs, ino } = facts;
  const common = { path, mode: Number(facts.mode) & 0o7777, uid: Number(uid), gid: Number(gid), mtimeNs };
  if (facts.isDirectory()) return { ...common, type: 'directory' };
  const sameAs = firstOf.get(ino);
  if (sameAs === undefined) firstOf.set(ino, path);
  const linked = sameAs === undefined ? {} : { sameAs };
  if (facts.isFile()) {
    const content = readFileSync(file);
    const sha256 = createHash('sha256').update(content).digest('hex');
    return { ...common, ...linked, type: 'file', size: content.length, sha256 };
  }
  if (!facts.isSymbolicLink()) return { ...common, ...linked, type: 'other' };
  return { ...common, ...linked, type: 'symlink', target: readlinkSync(file, { encoding: 'latin1' }) };
}

function bytesOf(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}
