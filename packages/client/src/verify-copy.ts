// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Tools } from '@local-backup/common/config/tools';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import type { ManifestService } from '@local-backup/common/manifest';
import type { Plugin } from './plugin.ts';
import type { Check, CopyContext } from './plugin-copy.ts';
import { claimScratch } from './scratch-claim.ts';
import { parseService, type Service, type ServiceTask } from './service.ts';

export interface CopyIo {
  readonly plugins: readonly Plugin[];
  readonly exec: Run;
  readonly tools: Tools;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** A directory for scratch directories, with a short path: sockets are made in them. */
  readonly scratchDirectory: string;
}

/** A service in a restored copy. */
export interface ServiceCopy {
  /** `<root of the copy>/<type>/<name>` */
  readonly directory: string;
  /** What the manifest says of it; undefined where that is not at hand. */
  readonly manifest: ManifestService | undefined;
}

/** What one task's plugin says of the copy. */
export interface TaskChecks {
  readonly task: string;
  readonly checks: readonly Check[];
}

/** A service.yaml is a few kilobytes. */
const LARGEST_SERVICE_FILE = 1024 * 1024;

/**
 * The service as it was configured when it was saved: its service.yaml is in the copy. Where the copy is is what its
 * type and directory are taken from.
 * @throws BackupError `failed` where there is none, `config` with all complaints about it
 */
export async function readServiceCopy({ directory }: ServiceCopy, plugins: readonly Plugin[]): Promise<Service> {
  for (const name of ['service.yaml', 'service.yml']) {
    const file = join(directory, 'config_used', name);
    const facts = await lstat(file).catch(() => undefined);
    // A link in the place of the directory would lead out of the copy.
    const above = await lstat(dirname(file)).catch(() => undefined);
    if (facts === undefined || !above?.isDirectory()) continue;
    if (!facts.isFile() || facts.size > LARGEST_SERVICE_FILE) {
      throw new BackupError('failed', `${file} in the copy is no service.yaml: it is no file, or too large.`);
    }
    const service = parseService(await readFile(file, 'utf8'), file, plugins);
    return { ...service, type: basename(dirname(directory)) };
  }
  throw new BackupError('failed', `${directory} holds no config_used/service.yaml: it is not the copy of a service.`);
}

/**
 * Asks the plugin of every task whether what it saved would load. A plugin that cannot look is a failed check: without
 * evidence nothing is well.
 * @throws only when the signal is aborted
 */
export async function verifyServiceCopy(
  copy: ServiceCopy,
  service: Service,
  level: CopyContext['level'],
  io: CopyIo,
): Promise<readonly TaskChecks[]> {
  const results: TaskChecks[] = [];
  for (const task of service.tasks) {
    if (task.plugin.verify === undefined) continue;
    const verify = task.plugin.verify.bind(task.plugin);
    const checks = await withScratch({ ...io, level }, async (scratch) => {
      return verify(copyContextOf(copy, service, task, { ...io, scratch, level }));
    }).catch((error: unknown): readonly Check[] => {
      io.signal.throwIfAborted();
      return [{ name: task.key, status: 'failed', message: `could not be looked at: ${describeError(error)}` }];
    });
    const told = checks.length > 0 ? checks : nothingLookedAt(task);
    if (told.length > 0) results.push({ task: task.key, checks: told });
  }
  return results;
}

/** No checks are no evidence, unless nothing was to be saved. */
export function nothingLookedAt({ key, plugin, options }: ServiceTask): readonly Check[] {
  if (plugin.savesNothing === true || plugin.savesNothingWith?.(options) === true) return [];
  return [{ name: key, status: 'skipped', message: 'nothing was looked at: its plugin has found nothing to check' }];
}

/** What the core gives to `verify`. */
export function copyContextOf(
  { directory, manifest }: ServiceCopy,
  { name, type, configDirectory }: Service,
  task: ServiceTask,
  io: Omit<CopyIo, 'plugins' | 'scratchDirectory'> & Pick<CopyContext, 'scratch' | 'level'>,
): CopyContext {
  const { exec, tools, signal, scratch, level } = io;
  return {
    service: { name, type, configDirectory },
    options: task.options,
    copy: directory,
    facts: factsOf({ manifest }, task.plugin),
    ...{ exec, tools, signal, scratch, level },
    log: io.log.child({ service: name, task: task.key }),
  };
}

/** What a plugin's `run` had told of the task; empty where the manifest is not at hand. */
export function factsOf(
  { manifest }: Pick<ServiceCopy, 'manifest'>,
  { name }: Pick<Plugin, 'name'>,
): Readonly<Record<string, string>> {
  return manifest?.tasks.find(({ plugin }) => plugin === name)?.facts ?? {};
}

/** The longest directory in which scratch directories still have names that a socket fits into; see `CopyContext.scratch`. */
const LONGEST_PARENT = 40;

/** Open to every account of every Unix, and on a disk, which `/tmp` may not be. */
const COMMON_PARENT = '/var/tmp';

/**
 * Gives a scratch directory of its own, and removes it with whatever is in it. Throw-away instances run as an account that
 * has nothing: at level full it can pass through all directories above. Where it could not get into `scratchDirectory`, or the names in
 * there would be too long, the scratch directory is in `/var/tmp`.
 */
export async function withScratch<Result>(
  { scratchDirectory, level }: Pick<CopyIo, 'scratchDirectory'> & Partial<Pick<CopyContext, 'level'>>,
  work: (scratch: string) => Promise<Result>,
): Promise<Result> {
  await mkdir(scratchDirectory, { recursive: true, mode: 0o711 });
  const isOpen = level !== 'full' || (await isOpenToAll(scratchDirectory));
  const isFit = isOpen && scratchDirectory.length <= LONGEST_PARENT;
  const cage = join(isFit ? scratchDirectory : COMMON_PARENT, `s-${randomName()}`);
  // Others can pass through it, to what they know the name of, and cannot look into it.
  await mkdir(cage, { mode: 0o700 });
  try {
    await claimScratch(cage);
    await chmod(cage, 0o711);
    const scratch = join(cage, randomName());
    await mkdir(scratch, { mode: 0o700 });
    return await work(scratch);
  } finally {
    await rm(cage, { recursive: true, force: true });
  }
}

function randomName(): string {
  return randomBytes(4).toString('hex');
}

/** Whether every account can pass through a directory; our own can in any case, and without root there is no other. */
async function isOpenToAll(directory: string): Promise<boolean> {
  if (process.getuid?.() !== 0) return true;
  const path = await realpath(directory);
  for (let at = path; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}
