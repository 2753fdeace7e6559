// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Stats } from 'node:fs';
import { access, constants, lstat, readdir } from 'node:fs/promises';
import { type BytePath, bytesOf, displayPath, showControls } from '@local-backup/common/byte-path';
import { parentsOf } from '../../archive-paths.ts';
import { isBelow, isWithin, type Mount, PSEUDO_TYPES } from '../snapshot/mounts.ts';
import { bytesBelow } from './bytes-below.ts';

/** What a restore would do to the host. All paths are relative to the directory that they are put below, parents first. */
export interface Comparison {
  /** All that is put back. */
  readonly restored: BytePath[];
  /** Of these, what is not on the host. */
  readonly created: BytePath[];
  /** What is on the host and is changed: it is kept before, directories without what is in them. */
  readonly replaced: BytePath[];
  /** What is on the host and has to be removed before, because it is of another type; directories with all in them. */
  readonly cleared: BytePath[];
  /** Bytes on the host that are kept. */
  keptBytes: number;
  /** Why it cannot be done. */
  readonly problems: string[];
  /** Names in restored directories of `paths` that the copy does not have. */
  readonly extra: Map<BytePath, number>;
}

/** What of a copy goes where. */
export interface PutBack {
  /** The directory in the copy. */
  readonly data: string;
  /** Its name in messages and in `kept`: `data`. */
  readonly name: string;
  /** The directory of the host that its paths are put below: `/`. */
  readonly root: string;
  /** Relative to both; `.` for all of it. */
  readonly paths: readonly BytePath[];
  /** Whether a path is put back; without it, all below `paths`. */
  readonly isWanted?: (path: BytePath) => boolean;
  /** Directory in `kept` for what is replaced; empty: `kept` itself. */
  readonly keepIn: string;
  /** Mode of `root` where it has to be made, default 0755. */
  readonly rootMode?: number;
}

interface Walk extends PutBack {
  readonly mounts: readonly Mount[];
  readonly found: Comparison;
}

/** More would not help. */
const MOST_PROBLEMS = 20;

/** Compares what is in the copy with what is on the host. Follows no link on either side, and changes nothing. */
export async function compareWithHost(tree: PutBack, mounts: readonly Mount[]): Promise<Comparison> {
  const lists = { restored: [], created: [], replaced: [], cleared: [], problems: [] };
  const walk: Walk = { ...tree, mounts, found: { ...lists, keptBytes: 0, extra: new Map() } };
  const top = await look(tree.root, '.' as BytePath);
  if (top !== undefined && !top.isDirectory()) {
    walk.found.problems.push(`${showControls(tree.root)} is no directory. Move it away, or correct the option.`);
    return walk.found;
  }
  for (const path of tree.paths) {
    const exists = await visitParents(path, walk);
    if (exists === undefined) continue;
    await visit(path, exists, walk);
    if (exists) await countExtra(path, walk);
  }
  return walk.found;
}

/** @returns whether the directory that the path is in is on the host; undefined where nothing may be put there */
async function visitParents(path: BytePath, walk: Walk): Promise<boolean | undefined> {
  const { found, root } = walk;
  let nearest: BytePath | undefined;
  const parents = parentsOf([path]);
  for (const parent of parents) {
    const host = await look(root, parent);
    if (host === undefined) addOnce(parent, found.restored, found.created);
    else if (host.isDirectory()) nearest = parent;
    else {
      const is = host.isSymbolicLink() ? 'a symbolic link' : 'no directory';
      found.problems.push(`${onHost(root, parent)} is ${is}, but was a directory when it was saved.`);
      return undefined;
    }
  }
  // Of a directory that stays only what is in it changes: the one above may be read-only.
  if (!(await isDirectoryOnBoth(path, walk))) await noteChanged(nearest, walk);
  return nearest === parents.at(-1);
}

/** A directory that something is made or replaced in: its time changes with that. */
async function noteChanged(directory: BytePath | undefined, walk: Walk): Promise<void> {
  if (directory !== undefined) addOnce(directory, walk.found.replaced);
  await requireWritable(directory ?? ('.' as BytePath), walk);
}

async function isDirectoryOnBoth(path: BytePath, { data, root }: Walk): Promise<boolean> {
  const [copy, host] = [await look(data, path), await look(root, path)];
  return copy?.isDirectory() === true && host?.isDirectory() === true;
}

function addOnce(path: BytePath, ...lists: readonly BytePath[][]): void {
  for (const list of lists) if (!list.includes(path)) list.push(path);
}

async function visit(path: BytePath, parentExists: boolean, walk: Walk): Promise<void> {
  const { found, data, root, name, isWanted } = walk;
  if (found.problems.length > MOST_PROBLEMS || isWanted?.(path) === false) return;
  const copy = await lstat(bytesBelow(data, path));
  const host = parentExists ? await look(root, path) : undefined;
  if (isMadeUp(path, walk)) return;
  if (copy.isSocket() || copy.isBlockDevice() || copy.isCharacterDevice()) {
    found.problems.push(`${name}/${displayPath(path)} in the copy is a device or a socket: no archive holds such.`);
    return;
  }
  found.restored.push(path);
  const stays = await visitHost(path, { copy, host }, walk);
  if (!copy.isDirectory()) return;
  for (const one of await namesIn(bytesBelow(data, path))) await visit(join(path, one), stays, walk);
}

/** @returns whether what is on the host stays, and is only changed */
async function visitHost(
  path: BytePath,
  { copy, host }: { readonly copy: Stats; readonly host: Stats | undefined },
  walk: Walk,
): Promise<boolean> {
  const { found } = walk;
  if (host === undefined) {
    found.created.push(path);
    return false;
  }
  await requireWritable(path, walk, host);
  if (host.isDirectory() && copy.isDirectory()) {
    found.replaced.push(path);
    return true;
  }
  if (host.isSymbolicLink() && copy.isDirectory()) {
    found.problems.push(`${onHost(walk.root, path)} is a symbolic link, but was a directory when it was saved.`);
    return false;
  }
  if (host.isDirectory() || copy.isDirectory()) {
    found.cleared.push(path);
    found.created.push(path);
    if (host.isDirectory()) await measure(path, walk);
    else found.keptBytes += host.blocks * 512;
    return false;
  }
  found.replaced.push(path);
  found.keptBytes += host.blocks * 512;
  return false;
}

/**
 * What cannot be changed is found before anything is: half-way, the old state could not be put back over it either. A file
 * with the attribute `immutable` cannot even be changed by root, nor replaced, nor what is mounted on a single file.
 */
async function requireWritable(path: BytePath, { found, mounts, root }: Walk, host?: Stats): Promise<void> {
  const [text, name] = [onHostText(root, path), onHost(root, path)];
  const complain = (what: string) => {
    if (!found.problems.includes(`${name} ${what}`)) found.problems.push(`${name} ${what}`);
  };
  const isAlone = host?.isDirectory() === false && mounts.some(({ point }) => point === text);
  if (isAlone) complain('is mounted by itself and cannot be replaced: unmount it.');
  // It would be followed: what it leads to stays as it is.
  if (host?.isSymbolicLink()) return;
  const code = await access(bytesBelow(root, path), constants.W_OK).then(() => undefined, codeOf);
  if (code === 'EROFS') complain('is on a file system that is mounted read-only.');
  if (code === 'EPERM') complain('is immutable: chattr -i takes that away.');
}

function codeOf(error: NodeJS.ErrnoException): string | undefined {
  return error.code;
}

/** A directory that has to give way, with all that is in it. */
async function measure(path: BytePath, walk: Walk): Promise<void> {
  const { found, mounts, root } = walk;
  const text = onHostText(root, path);
  const mounted = mounts.find(({ point }) => isWithin(point, text));
  if (mounted !== undefined) {
    found.problems.push(`${mounted.point} is mounted where a file is to be put back: unmount it.`);
    return;
  }
  for (const name of await namesIn(bytesBelow(root, path))) {
    const child = join(path, name);
    const facts = await look(root, child);
    await requireWritable(child, walk, facts);
    if (facts?.isDirectory()) await measure(child, walk);
    else found.keptBytes += (facts?.blocks ?? 0) * 512;
  }
}

async function countExtra(path: BytePath, walk: Walk): Promise<void> {
  const { data, found, root, isWanted } = walk;
  if (isWanted !== undefined) return;
  if (!(await isDirectoryOnBoth(path, walk))) return;
  const saved = new Set(await namesIn(bytesBelow(data, path)));
  const extra = (await namesIn(bytesBelow(root, path))).filter((name) => !saved.has(name));
  if (extra.length > 0) found.extra.set(path, extra.length);
}

/** What the kernel makes up was not saved; a directory where it is mounted is not ours to change. */
function isMadeUp(path: BytePath, { mounts, root }: Walk): boolean {
  const text = onHostText(root, path);
  return mounts.some(({ point, type }) => PSEUDO_TYPES.has(type) && (point === text || isBelow(text, point)));
}

/** Where a path is on the host, for people. */
export function onHost(root: string, path: BytePath): string {
  if (path === '.') return showControls(root);
  return `${root === '/' ? '' : showControls(root)}/${displayPath(path)}`;
}

/** The same as text, decoded as mount points are: what is no UTF-8 looks the same on both sides. */
function onHostText(root: string, path: BytePath): string {
  if (path === '.') return root;
  return `${root === '/' ? '' : root}/${bytesOf(path).toString('utf8')}`;
}

async function look(directory: string, path: BytePath): Promise<Stats | undefined> {
  try {
    return await lstat(bytesBelow(directory, path));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

async function namesIn(directory: Buffer): Promise<BytePath[]> {
  const names = await readdir(directory, { encoding: 'buffer' });
  return names.map((name) => name.toString('latin1') as BytePath).sort();
}

function join(directory: BytePath, name: BytePath): BytePath {
  return (directory === '.' ? name : `${directory}/${name}`) as BytePath;
}

/** A list of paths as a file: each ends in NUL. */
export function listBytes(paths: readonly BytePath[]): Buffer {
  return Buffer.concat(paths.map((path) => Buffer.concat([bytesOf(path), Buffer.from([0])])));
}
