// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { requireTrustedFile } from '../../plugin-tools/trusted-file.ts';
import type { ModuleOptions } from './options.ts';

export interface FoundModules {
  /** Files by name, in the order they are run in. */
  readonly modules: readonly { readonly name: string; readonly file: string }[];
  /** What was left out on purpose, as sentences. */
  readonly notes: readonly string[];
  /** What was left out and may be missed. */
  readonly warnings: readonly string[];
}

/**
 * The modules of a directory that are to be run, in alphabetical order (A01, A12-A16).
 * @throws BackupError `config` where there is none, or where somebody else than root could change one
 */
export async function findModules({ directory, enabled_file, only }: ModuleOptions): Promise<FoundModules> {
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    throw new BackupError('config', `The directory of the modules, ${directory}, cannot be read: ${error.message}`);
  });
  const scripts = entries.filter((entry) => /^[^.].*\.sh$/s.test(entry)).map((entry) => entry.slice(0, -3));
  const names = scripts.filter((name) => /^[A-Za-z0-9_][\w-]*$/.test(name));
  const missing = (only ?? []).filter((name) => !names.includes(name));
  if (missing.length > 0) {
    throw new BackupError(
      'config',
      `There is no module ${missing.join(', ')} in ${directory}. There are: ${names.join(', ')}.`,
    );
  }
  const enabled = await enabledIn(enabled_file);
  const isWanted = (name: string) =>
    only === undefined ? enabled.size === 0 || enabled.has(name) : only.includes(name);
  const notes = names.filter((name) => !isWanted(name)).map((name) => `Skipping disabled module: ${name}`);
  const warnings = [
    ...scripts
      .filter((name) => !names.includes(name))
      .map((name) => `${showControls(join(directory, name))}.sh is left out: rename it to letters, digits, _ and -.`),
    ...[...(only === undefined ? enabled : [])]
      .filter((name) => !names.includes(name))
      .map((name) => `${enabled_file} names ${showControls(name)}, which is no module in ${directory}.`),
  ];
  const modules: { name: string; file: string }[] = [];
  for (const name of names.filter(isWanted).sort()) {
    const file = join(directory, `${name}.sh`);
    if (((await stat(file)).mode & 0o100) === 0) {
      warnings.push(`${file} is not executable and left out: chmod +x, or name it in no list.`);
      continue;
    }
    await requireTrustedFile(file);
    await requireUnixLines(file);
    modules.push({ name, file });
  }
  if (modules.length > 0) return { modules, notes, warnings };
  const left = [...notes, ...warnings];
  const why = left.length === 0 ? `${directory} holds no *.sh.` : left.join(' ');
  throw new BackupError('config', `No backup modules to run. ${why}`);
}

/** Names in the list; none where there is no list. */
async function enabledIn(file: string): Promise<ReadonlySet<string>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw new BackupError('config', `${file} cannot be read: ${error.message}`);
  });
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim());
  return new Set(lines.filter((line) => line !== ''));
}

/** bash takes the carriage return of a file from Windows for a part of every word. */
async function requireUnixLines(file: string): Promise<void> {
  if (!(await readFile(file, 'latin1')).includes('\r\n')) return;
  throw new BackupError(
    'config',
    `${file} has line ends of Windows, which bash cannot read. Run: sed -i 's/\\r$//' ${file}`,
  );
}
