// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BytePath, displayPath } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { RestoreContext } from '../../plugin-copy.ts';
import { bytesBelow } from '../../plugin-tools/put-back/bytes-below.ts';
import { asOwner, engineOf, isOwn, type Module, volumeName, volumePath } from './module.ts';
import { ENVIRONMENT, STATE, VOLUMES } from './names.ts';
import type { StateDumpOptions } from './options.ts';

export type RestoringContext = RestoreContext<StateDumpOptions>;

/** Longest time for listing a directory or asking podman, in milliseconds. */
export const LIST_MS = 60 * 60_000;

/** Something that is put back as one: the state of the module, or a volume. */
export interface Place {
  /** Its directory in the copy: `module/state`. */
  readonly name: string;
  /** Where that goes; undefined where the volume is not there yet. */
  readonly directory: string | undefined;
  /** Name of the volume, as podman calls it. */
  readonly volume: string | undefined;
  /** File in `kept`, without its ending. */
  readonly keptAs: string;
}

export interface Entry {
  readonly path: BytePath;
  /** As find(1) has it: `f`, `d`, `l`. */
  readonly type: string;
}

/**
 * The places that the copy has something for. No link in the copy is followed.
 * @throws BackupError `failed` where the copy is not as it was saved
 */
export async function placesOf(module: Module, context: RestoringContext): Promise<readonly Place[]> {
  const state = join(module.directory, 'state');
  const places: Place[] = [{ name: `${STATE}/state`, directory: state, volume: undefined, keptAs: 'state' }];
  const facts = await lstat(join(context.copy, VOLUMES)).catch(() => undefined);
  if (facts === undefined) return places;
  if (!facts.isDirectory()) throw new BackupError('failed', `The copy is not whole: ${VOLUMES} is no directory.`);
  for (const name of await readdir(join(context.copy, VOLUMES))) {
    if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) {
      throw new BackupError('untrusted', `${VOLUMES} in the copy holds what is no name of a volume.`);
    }
    const volume = volumeName(module, name);
    const isThere = await hasVolume(module, volume, context);
    const directory = isThere ? await volumePath(module, name, context) : undefined;
    places.push({ name: `${VOLUMES}/${name}`, directory, volume, keptAs: `volume-${name}` });
  }
  return places;
}

async function hasVolume(module: Module, volume: string, context: RestoringContext): Promise<boolean> {
  const args = ['volume', 'exists', '--', volume];
  return (await podman(args, module, context, [0, 1])).exitCode === 0;
}

/** Runs podman as the owner of the module. */
export async function podman(
  args: readonly string[],
  module: Module,
  { exec, tools, signal }: Pick<RestoringContext, 'exec' | 'tools' | 'signal'>,
  accept: readonly number[] = [0],
) {
  return exec(engineOf(tools), args, { ...asOwner(module), timeoutMs: LIST_MS, signal, accept });
}

/**
 * Words before a program that reads or writes what is the module's: as the owner of a rootless module, in the user namespace of
 * its containers, where the users of these are its own. So it can do nothing that the owner could not do.
 */
export function within(module: Module, { tools }: Pick<RestoringContext, 'tools'>): readonly string[] {
  return module.isRootless && !isOwn(module) ? [engineOf(tools), 'unshare'] : [];
}

/**
 * What of the copy goes to a place, parents first. Of the state, all but its directory and the environment.
 * @throws BackupError `untrusted` where it holds what no archive holds
 */
export async function entriesInCopy({ name, volume }: Place, copy: string): Promise<readonly Entry[]> {
  const root = join(copy, name);
  for (const directory of [join(copy, name.split('/')[0] ?? ''), root]) {
    if ((await lstat(directory).catch(() => undefined))?.isDirectory() === true) continue;
    throw new BackupError('untrusted', `${name} in the copy is no directory.`);
  }
  const found: Entry[] = [];
  await collect(root, '', found);
  if (volume !== undefined) return [{ path: '.' as BytePath, type: 'd' }, ...found];
  return found.filter(({ path }) => path !== ENVIRONMENT);
}

async function collect(root: string, above: string, found: Entry[]): Promise<void> {
  const names = await readdir(bytesBelow(root, (above.slice(0, -1) || '.') as BytePath), { encoding: 'latin1' });
  for (const name of names.sort()) {
    const path = `${above}${name}` as BytePath;
    const facts = await lstat(bytesBelow(root, path));
    if (facts.isDirectory()) {
      found.push({ path, type: 'd' });
      await collect(root, `${path}/`, found);
    } else if (facts.isFile() || facts.isSymbolicLink() || facts.isFIFO()) {
      found.push({ path, type: facts.isFile() ? 'f' : 'l' });
    } else throw new BackupError('untrusted', `${displayPath(path)} in the copy is a device or a socket.`);
  }
}

/** What there is at a place, read as the owner; the type by path. */
export async function entriesOnHost(
  module: Module,
  directory: string,
  context: RestoringContext,
): Promise<ReadonlyMap<string, string>> {
  const list = join(context.scratch, 'list');
  const output = await open(list, 'w', 0o600);
  try {
    const [program = 'find', ...args] = [...within(module, context), 'find', directory, '-printf', '%y%P\\0'];
    const { exec, signal } = context;
    await exec(program, args, { ...asOwner(module), stdoutTo: output.fd, timeoutMs: LIST_MS, signal });
    const rows = (await readFile(list, 'latin1')).split('\0').filter((row) => row !== '');
    return new Map(rows.map((row) => [row.slice(1) || '.', row.slice(0, 1)]));
  } finally {
    await output.close();
    await rm(list, { force: true });
  }
}
