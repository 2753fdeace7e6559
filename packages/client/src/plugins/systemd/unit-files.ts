// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, chown, copyFile, lstat, mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { PluginContext } from '../../plugin.ts';
import type { SystemdOptions } from './options.ts';
import { showUnits } from './units.ts';

/** Directory of the stage, and of a copy. */
export const UNITS_DIRECTORY = 'systemd';
/** What was saved, and in which state it was. */
export const RECORD_FILE = 'units.json';

const path = z.string().refine((text) => isAbsolute(text) && normalize(text) === text && !/[\0\r\n]/.test(text));

const recordSchema = z.object({
  format: z.literal(1),
  units: z.array(
    z.object({
      name: z.string(),
      /** Whether it ran before anything was stopped. */
      active: z.boolean(),
      /** `enabled`, `disabled`, `static` ... */
      unitFileState: z.string(),
      files: z.array(path),
    }),
  ),
});

export type UnitRecord = z.infer<typeof recordSchema>;

/** Unit files are a few kilobytes. */
const LARGEST = 1024 * 1024;

/**
 * Saves the unit files and drop-ins, by their whole paths below `systemd`.
 * @param wasActive names of units that ran before anything was stopped
 * @returns warnings
 */
export async function saveUnitFiles(
  context: PluginContext<SystemdOptions>,
  wasActive: ReadonlySet<string>,
): Promise<readonly string[]> {
  const directory = join(context.stage, UNITS_DIRECTORY);
  const warnings: string[] = [];
  await mkdir(directory, { mode: 0o700 });
  const units: UnitRecord['units'] = [];
  for (const { name, unitFileState, files: named, isActive } of await showUnits(context.options.units, context)) {
    const files: string[] = [];
    for (const file of named) {
      if (await saveFile(file, directory)) files.push(file);
      else warnings.push(`${name}: ${file} is not there (any more), so it is not saved. Try: systemctl daemon-reload`);
    }
    units.push({ name, active: isActive || wasActive.has(name), unitFileState, files });
  }
  const record: UnitRecord = { format: 1, units };
  await writeFile(join(directory, RECORD_FILE), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  return warnings;
}

/** Content, mode, owner and time as they are: a file that nobody has changed must not look changed. */
async function saveFile(file: string, directory: string): Promise<boolean> {
  const facts = await stat(file).catch(() => undefined);
  if (facts?.isFile() !== true || !isAbsolute(file)) return false;
  const target = join(directory, file);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  await copyFile(file, target);
  await chown(target, facts.uid, facts.gid);
  await chmod(target, facts.mode & 0o7777);
  await utimes(target, facts.atime, facts.mtime);
  return true;
}

/** @throws BackupError `failed` where the copy holds none, or not what it should */
export async function readUnitRecord(copy: string): Promise<UnitRecord> {
  const text = await readSavedFile(copy, RECORD_FILE);
  try {
    return recordSchema.parse(JSON.parse(text.toString('utf8')));
  } catch (error) {
    throw new BackupError('failed', `${UNITS_DIRECTORY}/${RECORD_FILE} in the copy is damaged.`, { cause: error });
  }
}

/**
 * A saved file, no link on the way followed.
 * @throws BackupError `failed`
 */
export async function readSavedFile(copy: string, name: string): Promise<Buffer> {
  const file = await savedFile(copy, name);
  if ((await lstat(file)).size > LARGEST)
    throw new BackupError('failed', `${UNITS_DIRECTORY}/${name} in the copy is too large.`);
  return readFile(file);
}

/** Where a saved file is in the copy. */
export async function savedFile(copy: string, name: string): Promise<string> {
  let current = join(copy, UNITS_DIRECTORY);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
  for (const part of ['', ...parts]) {
    current = join(current, part);
    const facts = await lstat(current).catch(() => undefined);
    if (facts === undefined || facts.isSymbolicLink())
      throw new BackupError('failed', `${UNITS_DIRECTORY}/${name} is not in the copy, or is a link.`);
  }
  if (!(await lstat(current)).isFile())
    throw new BackupError('failed', `${UNITS_DIRECTORY}/${name} in the copy is no file.`);
  return current;
}

/**
 * Whether a saved file may be put there: a file of one of these units, in a directory that systemd reads units from, and
 * not one that a package or a generator brings.
 */
export function isRestorable(file: string, unit: string, unitPath: readonly string[]): boolean {
  const directory = dirname(file);
  if (/^\/(?:usr\/lib|lib|run)\//.test(file)) return false;
  if (unitPath.includes(directory)) return isNamedAfter(basename(file), unit);
  const isDropIn = file.endsWith('.conf') && directory.endsWith('.d') && unitPath.includes(dirname(directory));
  return isDropIn && isNamedAfter(basename(directory).slice(0, -2), unit);
}

/** The unit itself, or the template that it is made of. */
function isNamedAfter(name: string, unit: string): boolean {
  return name === unit || name === unit.replace(/@.*(?=\.)/, '@');
}
