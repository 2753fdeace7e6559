// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { access, readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';

/** A file of `plugin_dir` that is to be used. */
export interface PluginFile {
  readonly path: string;
  /** `shell`: defines the functions of the original shell version; `executable`: speaks the protocol of docs/plugins.md. */
  readonly kind: 'shell' | 'executable';
  /** Name without extension: the task key of an executable. */
  readonly name: string;
}

/** What editors, package managers and people leave beside a file is no second plugin. */
const LEFTOVER = /^\.|~$|\.(?:bak|old|orig|rej|swp|disabled|md|txt|json|ya?ml|dpkg-\w+|ucf-\w+|rpm\w+)$/i;

/** More is no script; a compiled plugin is not searched any further for the name of a function. */
const SEARCHED_BYTES = 1024 * 1024;

/**
 * The plugins in a directory, by name: executable regular files directly in it (C35). `common_functions.sh` is none.
 * @returns nothing where there is no such directory
 */
export async function findPluginFiles(directory: string): Promise<readonly PluginFile[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  const found: PluginFile[] = [];
  for (const name of names.sort()) {
    if (name === 'common_functions.sh' || LEFTOVER.test(name)) continue;
    const file = await pluginFileAt(join(directory, name), name);
    if (file !== undefined) found.push(file);
  }
  return found;
}

/** Undefined where it is no executable regular file. */
export async function pluginFileAt(path: string, name: string): Promise<PluginFile | undefined> {
  const stats = await stat(path).catch(() => undefined);
  if (!stats?.isFile()) return undefined;
  const isExecutable = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!isExecutable) return undefined;
  const isShell =
    name.endsWith('.sh') &&
    stats.size <= SEARCHED_BYTES &&
    /^[^#\n]*\bplugin_handles_task_type\b/m.test(await readFile(path, 'latin1'));
  return { path, kind: isShell ? 'shell' : 'executable', name: name.slice(0, name.length - extname(name).length) };
}
