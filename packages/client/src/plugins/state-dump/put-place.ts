// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BytePath } from '@local-backup/common/byte-path';
import { namesForTar } from '../../archive-paths.ts';
import { bytesBelow } from '../../plugin-tools/put-back/bytes-below.ts';
import { EXTRACT, PREFIX, type Reading, writeTar } from '../../plugin-tools/put-back/move.ts';
import { removeCreated } from '../../plugin-tools/put-back/undo-created.ts';
import { tarArgs } from '../../tar-args.ts';
import { asOwner, isOwn, type Module } from './module.ts';
import { type IdRange, ownerMap, parseIdMap } from './owner-map.ts';
import { type Entry, LIST_MS, type Place, type RestoringContext, within } from './place.ts';

/** Longest time for one place, in milliseconds. */
const TAR_MS = 24 * 60 * 60_000;

/**
 * Keeps paths of a place in an archive, read as the owner.
 * @param file in `kept`
 */
export async function keepPaths(
  module: Module,
  {
    directory,
    paths,
    file,
  }: { readonly directory: string; readonly paths: readonly BytePath[]; readonly file: string },
  context: RestoringContext,
): Promise<void> {
  const { exec, tools, signal } = context;
  const read = tarArgs({ prefix: PREFIX, root: directory, exclude: [], oneFileSystem: false, recursion: false });
  const [program = 'tar', ...args] = [...within(module, context), ...tools.tar, '--force-local', ...read];
  const owner = asOwner(module);
  const output = await open(file, 'w', 0o600);
  try {
    await exec(program, args, {
      ...owner,
      env: { ...owner.env, LC_ALL: 'C' },
      stdin: namesForTar(paths),
      stdoutTo: output.fd,
      timeoutMs: TAR_MS,
      signal,
      // 1: a file changed while it was read.
      accept: [0, 1],
    });
    await output.sync();
  } finally {
    await output.close();
  }
}

/** Unpacks an archive into a directory of the module, as the owner; the archive is read here. */
export async function unpackAsOwner(
  module: Module,
  directory: string,
  archive: number,
  context: RestoringContext,
): Promise<void> {
  const { exec, tools, signal } = context;
  const unpack = [...EXTRACT, '--file=-', `--directory=${directory}`];
  const [program = 'tar', ...args] = [...within(module, context), ...tools.tar, ...unpack];
  const owner = asOwner(module);
  const env = { ...owner.env, LC_ALL: 'C' };
  await exec(program, args, { ...owner, env, stdin: archive, timeoutMs: TAR_MS, signal });
}

/**
 * Puts a place of the copy back: read as root, for the copy is closed to others, written as the owner.
 * @returns how many entries belonged to users or groups that the module has no part of: they are the owner's now
 */
export async function putPlace(
  module: Module,
  {
    place,
    directory,
    entries,
  }: { readonly place: Place; readonly directory: string; readonly entries: readonly Entry[] },
  context: RestoringContext,
): Promise<number> {
  if (entries.length === 0) return 0;
  const root = join(context.copy, place.name);
  const { more, foreign } = await mapOwners(module, { root, entries }, context);
  const pipe = join(context.scratch, 'pipe');
  const { exec, signal } = context;
  await exec('mkfifo', ['--mode=600', '--', pipe], { timeoutMs: LIST_MS, signal });
  try {
    const reading: Reading = { root, paths: entries.map(({ path }) => path), recursion: false, more };
    await throughPipe(pipe, context.signal, {
      write: (ended) => writeTar(reading, pipe, { ...context, signal: ended }),
      read: (end, ended) => unpackAsOwner(module, directory, end, { ...context, signal: ended }),
    });
  } finally {
    await rm(pipe, { force: true });
  }
  return foreign;
}

interface Ends {
  readonly write: (signal: AbortSignal) => Promise<unknown>;
  readonly read: (descriptor: number, signal: AbortSignal) => Promise<unknown>;
}

/** Runs both ends of a pipe; when one fails, the other is ended. */
async function throughPipe(pipe: string, signal: AbortSignal, ends: Ends): Promise<void> {
  // Open for both, it makes neither end wait, and closes when all is written.
  const hold = await open(pipe, 'r+');
  const from = await open(pipe, 'r');
  const both = new AbortController();
  const end = () => both.abort(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  const failures: unknown[] = [];
  const fail = (error: unknown) => {
    failures.push(error);
    both.abort(error);
  };
  try {
    const written = ends
      .write(both.signal)
      .catch(fail)
      .finally(() => hold.close());
    await Promise.all([written, ends.read(from.fd, both.signal).catch(fail)]);
    if (failures.length > 0) throw failures[0];
  } finally {
    signal.removeEventListener('abort', end);
    await from.close();
  }
}

interface Owned {
  readonly root: string;
  readonly entries: readonly Entry[];
}

/** The options by which tar writes owners as they are where it is unpacked. */
async function mapOwners(module: Module, { root, entries }: Owned, context: RestoringContext) {
  if (isOwn(module)) return { more: [], foreign: 0 };
  const facts = await Promise.all(entries.map(({ path }) => lstat(bytesBelow(root, path))));
  const { uid, gid } = module.owner;
  const isInside = within(module, context).length > 0;
  const mapOf = async (what: 'uid' | 'gid', own: number) => {
    const alone: readonly IdRange[] = [{ inside: own, outside: own, count: 1 }];
    const ranges = isInside ? await rangesOf(module, what, context) : alone;
    const ids = facts.map((one) => one[what]);
    const map = ownerMap(ids, ranges, isInside ? 0 : own);
    await writeFile(join(context.scratch, `${what}.map`), map.text, { mode: 0o600 });
    return map.foreign;
  };
  const [users, groups] = [await mapOf('uid', uid), await mapOf('gid', gid)];
  const more = [`--owner-map=${join(context.scratch, 'uid.map')}`, `--group-map=${join(context.scratch, 'gid.map')}`];
  return { more, foreign: facts.filter((one) => users.includes(one.uid) || groups.includes(one.gid)).length };
}

async function rangesOf(module: Module, what: 'uid' | 'gid', context: RestoringContext): Promise<readonly IdRange[]> {
  const [program = 'cat', ...args] = [...within(module, context), 'cat', `/proc/self/${what}_map`];
  const limits = { ...asOwner(module), timeoutMs: LIST_MS, signal: context.signal };
  return parseIdMap((await context.exec(program, args, limits)).stdout);
}

/**
 * Removes what a restore has created, as the owner, the last one first. What has something new in it stays, and is told. Where
 * the owner is root, nothing is removed behind a link: what runs in a container can put one into its volume.
 */
export async function removeAsOwner(
  module: Module,
  directory: string,
  paths: readonly BytePath[],
  context: RestoringContext,
): Promise<void> {
  if (paths.length === 0) return;
  const { exec, signal, log } = context;
  if (isOwn(module)) return removeCreated(directory, paths, log);
  const words = [...within(module, context), 'xargs', '--null', 'rm', '--dir', '--force', '--'];
  const [program = 'xargs', ...args] = words;
  const names = [...paths].reverse().map((path) => Buffer.concat([bytesBelow(directory, path), Buffer.from([0])]));
  const { stderr } = await exec(program, args, {
    ...asOwner(module),
    stdin: Buffer.concat(names),
    timeoutMs: LIST_MS,
    signal,
    // 123: one of them could not be removed.
    accept: [0, 123],
  });
  if (stderr.trim() !== '') log.warn(`Not all that was put into ${directory} could be removed: ${stderr.trim()}`);
}
