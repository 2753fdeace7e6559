// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, realpath } from 'node:fs/promises';
import { bytePathOfText } from '@local-backup/common/byte-path';
import { isSystemDirectory } from '@local-backup/common/config/values';
import * as z from 'zod';
import type { Tree } from '../../plugin.ts';
import type { Compose } from './compose.ts';
import { type Container, inspectThere, parseInspected } from './containers.ts';
import type { ComposeModel } from './model.ts';
import { BINDS_DIRECTORY, VOLUMES_DIRECTORY } from './places.ts';

/** A named volume of the project. */
export interface NamedVolume {
  readonly name: string;
  /** In the compose file; undefined for one that no file names. */
  readonly key: string | undefined;
  /** Where its files are on this host. */
  readonly path: string;
}

/** What a project keeps outside its containers. */
export interface Storage {
  readonly volumes: readonly NamedVolume[];
  /** Real paths of bind mounts; none lies within another one or within a volume. */
  readonly binds: readonly string[];
  readonly warnings: readonly string[];
}

const VOLUME_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** What docker calls a volume that nobody has named. */
const ANONYMOUS = /^[0-9a-f]{64}$/;

/** True for a volume that nobody can find again once its container is gone. */
export function isAnonymousVolume(name: string): boolean {
  return ANONYMOUS.test(name);
}

const volumeSchema = z.array(
  z.looseObject({
    Name: z.string(),
    Driver: z.string(),
    Mountpoint: z.string(),
    Options: z.record(z.string(), z.string()).nullish(),
  }),
);

interface Wanted {
  readonly model: ComposeModel;
  readonly project: string;
  readonly containers: readonly Container[];
  /** Names of volumes (as in the file, or as the engine has them) and paths that are left out. */
  readonly exclude: readonly string[];
}

/** Finds the named volumes and bind mounts of a project, from its file and from its containers. */
export async function locateStorage(compose: Compose, wanted: Wanted): Promise<Storage> {
  const warnings: string[] = [];
  const volumes: NamedVolume[] = [];
  for (const [name, key] of volumeNames(wanted)) {
    const found = await locateVolume(compose, name);
    if (typeof found === 'string') volumes.push({ name, key, path: found });
    else warnings.push(found.warning);
  }
  const binds = await locateBinds(wanted, warnings);
  const outermost = binds.filter(
    (path) =>
      !binds.some((other) => other !== path && path.startsWith(`${other}/`)) &&
      !volumes.some((volume) => path === volume.path || path.startsWith(`${volume.path}/`)),
  );
  return { volumes, binds: outermost, warnings };
}

/** Trees that are read in place. */
export function treesOf({ volumes, binds }: Storage): Tree[] {
  const common = { exclude: [], oneFileSystem: false };
  return [
    ...volumes.map(({ name, path }) => {
      return { into: `${VOLUMES_DIRECTORY}/${name}`, root: path, paths: [bytePathOfText('.')], ...common };
    }),
    ...(binds.length === 0
      ? []
      : [{ into: BINDS_DIRECTORY, root: '/', paths: binds.map((path) => bytePathOfText(path.slice(1))), ...common }]),
  ];
}

function volumeNames({ model, project, containers, exclude }: Wanted): ReadonlyMap<string, string | undefined> {
  const names = new Map<string, string | undefined>();
  for (const [key, { name, isExternal }] of Object.entries(model.volumes)) {
    names.set(name ?? (isExternal ? key : `${project}_${key}`), key);
  }
  for (const { type, name } of containers.flatMap(({ mounts }) => mounts)) {
    if (type === 'volume' && name !== undefined && !names.has(name)) names.set(name, undefined);
  }
  const kept = [...names].filter(
    ([name, key]) => !exclude.includes(name) && !(key !== undefined && exclude.includes(key)),
  );
  return new Map(kept.filter(([name]) => VOLUME_NAME.test(name)).sort());
}

/** Why the files of a volume are not found. */
interface Unreachable {
  readonly warning: string;
  /** There is no such volume; else there is one, and its files are not on this host. */
  readonly isMissing: boolean;
}

/** Where a volume's files are on this host, or why that cannot be said. */
export async function locateVolume(compose: Compose, name: string): Promise<string | Unreachable> {
  const stdout = await inspectThere(compose, ['volume', 'inspect', name]);
  const text = stdout.trim() === '' ? '[]' : stdout;
  const [volume] = parseInspected(text, volumeSchema, 'volume inspect');
  if (volume === undefined)
    return {
      isMissing: true,
      warning: `Volume ${name} does not exist (yet): nothing is saved of it. Start the project once.`,
    };
  const { Driver, Options, Mountpoint } = volume;
  const { type, o = '', device } = Options ?? {};
  const isBind = device?.startsWith('/') === true && o.split(',').includes('bind');
  const path = isBind ? device : Mountpoint;
  const isElsewhere = Driver !== 'local' || (!isBind && type !== undefined && type !== 'none');
  const advice = 'Save what is behind it where it is, or name the volume in `exclude_volumes`.';
  if (isElsewhere)
    return {
      isMissing: false,
      warning: `Volume ${name} is mounted by its driver (${Driver}${type === undefined ? '' : `, ${type}`}) only while a container runs: it is not saved. ${advice}`,
    };
  const real = await realpath(path).catch(() => undefined);
  const warning = `Volume ${name}: ${path} is not there on this host, so it is not saved. ${advice}`;
  return real ?? { isMissing: false, warning };
}

/** Made up by the kernel or by running programs: nothing to save. */
const VOLATILE = /^\/(?:proc|sys|dev|run|var\/run)(?:\/|$)/;

const OF_ENGINE = /^\/var\/lib\/(?:docker|containers|containerd)(?:\/(?!(?:storage\/)?volumes\/.).*)?$/;

/** True for what the engine keeps itself, or all of its volumes; false for one of them. */
export function isOfEngine(path: string): boolean {
  return OF_ENGINE.test(path);
}

/** Files of the host that containers are often lent. */
const LENT = new Set(['/etc/localtime', '/etc/timezone', '/etc/hosts', '/etc/resolv.conf', '/etc/machine-id']);

async function locateBinds({ containers, exclude }: Wanted, warnings: string[]): Promise<string[]> {
  const sources = new Set(
    containers.flatMap(({ mounts }) => mounts.filter(({ type }) => type === 'bind').map(({ source }) => source)),
  );
  const found = new Set<string>();
  for (const source of [...sources].sort()) {
    if (exclude.includes(source) || VOLATILE.test(source) || LENT.has(source)) continue;
    const real = await realpath(source).catch(() => undefined);
    const refusal = refusalOf(source, real);
    if (refusal !== undefined) warnings.push(refusal);
    else if (real !== undefined && !exclude.includes(real) && (await isSaveable(real))) found.add(real);
  }
  return [...found];
}

/** @param real where it leads to; undefined where it leads nowhere */
function refusalOf(source: string, real: string | undefined): string | undefined {
  if (real === undefined) return `Bind mount ${source} does not exist on this host: nothing is saved of it.`;
  const owner = isOfEngine(real) ? 'container engine' : 'system';
  if (owner === 'system' && !isSystemDirectory(real)) return undefined;
  return `Bind mount ${source} is a directory of the ${owner} and is not saved: name what is wanted of it in a \`files\` task, or name it in \`exclude_volumes\`.`;
}

async function isSaveable(path: string): Promise<boolean> {
  const facts = await lstat(path);
  return !VOLATILE.test(path) && (facts.isDirectory() || facts.isFile());
}
