// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { requireTrustedFile } from '../../plugin-tools/trusted-file.ts';
import type { ModuleFile } from './call-module.ts';
import type { ModuleOptions } from './options.ts';

/**
 * The modules that can put back what they have saved, and what is said about the others. No module is run for that: their text
 * is looked at.
 * @param names of modules in the copy
 * @param directory of the modules in the copy
 * @throws BackupError `config` where others could change a module: it would run as root
 */
export async function restoringModules(
  names: readonly string[],
  directory: string,
  { directory: modules }: ModuleOptions,
): Promise<{ readonly loading: readonly ModuleFile[]; readonly notes: readonly string[] }> {
  const loading: ModuleFile[] = [];
  const notes: string[] = [];
  for (const name of names) {
    const file = join(modules, `${name}.sh`);
    const obstacle = await obstacleTo(name, file);
    if (obstacle === undefined) {
      await requireTrustedFile(file);
      loading.push({ name, file });
    } else if (await holdsData(join(directory, name, 'data'))) {
      notes.push(`what is in modules/${name}/data has to be put back by hand: ${obstacle}`);
    }
  }
  return { loading, notes };
}

/** Why a module does not put back its data itself; undefined where it does. */
async function obstacleTo(name: string, file: string): Promise<string | undefined> {
  const facts = await stat(file).catch(() => undefined);
  if (facts?.isFile() !== true) return `there is no ${file} on this host`;
  if ((facts.mode & 0o100) === 0) return `${file} is not executable`;
  const defines = new RegExp(`^[ \\t]*(?:function[ \\t]+restore_${name}\\b|restore_${name}[ \\t]*\\([ \\t]*\\))`, 'm');
  return defines.test(await readFile(file, 'latin1')) ? undefined : `${file} defines no restore_${name}`;
}

async function holdsData(directory: string): Promise<boolean> {
  if ((await lstat(directory).catch(() => undefined))?.isDirectory() !== true) return false;
  return (await readdir(directory)).length > 0;
}
