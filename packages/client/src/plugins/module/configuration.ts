// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BytePath, bytesOf, displayPath } from '@local-backup/common/byte-path';
import { describeError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { PluginContext } from '../../plugin.ts';
import { md5Of } from './md5.ts';
import type { ModuleOptions } from './options.ts';

type Context = Pick<PluginContext<ModuleOptions>, 'exec' | 'options' | 'signal'>;

/** The record of where what is in the modules' `config` directories comes from, below `modules/`. */
export const ORIGINS = 'config_origin.json';

const originSchema = z.object({
  /** `/etc/containers/<name>` */
  root: z.string(),
  /** What of `config` comes from there, one character per byte; without it, all of it. */
  paths: z.array(z.string()).optional(),
});

/** What ORIGINS holds; from a hostile copy it is data as any other. */
export const originsSchema = z.object({
  modules: z.record(z.string().regex(/^[A-Za-z0-9_][\w-]*$/), z.array(originSchema)),
});

/** A directory that a part of a module's configuration comes from. */
export type Origin = z.infer<typeof originSchema>;

/**
 * Copies what is in `/etc/<name>` and its like, as it is: links are copied, not followed.
 * @returns where it comes from, and what could not be copied, as warnings; the original ignores it (A09)
 */
export async function copyConfiguration(
  name: string,
  component: string,
  { options, exec, signal }: Context,
): Promise<{ readonly origins: readonly Origin[]; readonly warnings: readonly string[] }> {
  const config = join(component, 'config');
  const warnings: string[] = [];
  const found = await rootsOf(name, options);
  const before = new Map<string, ReadonlySet<BytePath>>();
  for (const root of found) {
    if (found.length > 1) before.set(root, new Set(await pathsBelow(root)));
    const limits = { cwd: '/', timeoutMs: options.timeout, signal };
    await exec('cp', ['-a', '--', `${root}/.`, config], limits).catch((error: unknown) => {
      signal.throwIfAborted();
      warnings.push(`${name}: its configuration in ${root} is not saved whole: ${describeError(error)}`);
    });
  }
  const [only] = found;
  if (only === undefined) return { origins: [], warnings };
  if (found.length === 1) return { origins: [{ root: only }], warnings };
  const { origins, lost } = await divide(found, before, config);
  return { origins, warnings: [...warnings, ...lost.map((one) => `${name}: ${one}`)] };
}

/** The directories that there are, each once: a link to another one of them is not a second one. */
async function rootsOf(name: string, { config_roots }: ModuleOptions): Promise<readonly string[]> {
  const found = new Map<string, string>();
  for (const root of new Set(config_roots.map((one) => join(one, name)))) {
    if ((await stat(root).catch(() => undefined))?.isDirectory() !== true) continue;
    const real = await realpath(root);
    if (real === root || !found.has(real)) found.set(real, root);
  }
  return [...found.values()];
}

/** All that was copied, by where it comes from: of the same file in several directories the last one is in the copy. */
async function divide(
  roots: readonly string[],
  before: ReadonlyMap<string, ReadonlySet<BytePath>>,
  config: string,
): Promise<{ readonly origins: readonly Origin[]; readonly lost: readonly string[] }> {
  const paths = new Map<string, BytePath[]>(roots.map((root) => [root, []]));
  const lost: string[] = [];
  const last = roots.at(-1) ?? '';
  for (const path of await pathsBelow(config)) {
    const holders = roots.filter((root) => before.get(root)?.has(path));
    const isDirectory = (await lstat(bytesIn(config, path))).isDirectory();
    // One that was made meanwhile was seen by the last one at the latest.
    const owners = isDirectory ? holders : [holders.at(-1) ?? last];
    for (const owner of owners) paths.get(owner)?.push(path);
    if (!isDirectory) lost.push(...(await lostOf(path, holders, config)));
  }
  return { origins: roots.map((root) => ({ root, paths: paths.get(root) ?? [] })), lost };
}

/** Of a file that is in several directories with different contents, all but the last one are lost. */
async function lostOf(path: BytePath, holders: readonly string[], config: string): Promise<string[]> {
  const lost: string[] = [];
  for (const other of holders.slice(0, -1)) {
    if (await isSame(bytesIn(other, path), bytesIn(config, path))) continue;
    lost.push(`${displayPath(path)} of ${other} is not saved: that of ${holders.at(-1)} has the same name.`);
  }
  return lost;
}

async function isSame(one: Buffer, other: Buffer): Promise<boolean> {
  const [a, b] = [await lstat(one).catch(() => undefined), await lstat(other).catch(() => undefined)];
  if (a?.isFile() !== true || b?.isFile() !== true || a.size !== b.size) return false;
  return (await md5Of(one)) === (await md5Of(other));
}

/** All below a directory, without the directory itself, parents first. */
async function pathsBelow(root: string, directory = ''): Promise<BytePath[]> {
  const found: BytePath[] = [];
  // Cannot be read, or is gone: cp says it.
  const entries = await readdir(bytesIn(root, directory as BytePath), {
    withFileTypes: true,
    encoding: 'buffer',
  }).catch(() => []);
  for (const entry of entries) {
    const path = `${directory}${entry.name.toString('latin1')}` as BytePath;
    found.push(path);
    if (entry.isDirectory()) found.push(...(await pathsBelow(root, `${path}/`)));
  }
  return found.sort();
}

function bytesIn(root: string, path: BytePath): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), bytesOf(path)]);
}
