// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { FILE_PATH } from './record.ts';

/** A file of a data directory. */
export interface DataFile {
  /** Relative to the data directory. */
  readonly path: string;
  readonly bytes: number;
  /** Bytes that it takes on the disk. */
  readonly allocated: number;
}

/** All that is in a data directory. */
export interface DataFiles {
  readonly files: readonly DataFile[];
  /** What is no file and no directory: links, sockets. */
  readonly others: readonly string[];
}

/** Directories of a data directory are two deep at most. */
const DEEPEST = 3;

/** Looks at a data directory; what disappears meanwhile is left out. Follows no link. */
export async function listData(root: string, below = '', depth = 0): Promise<DataFiles> {
  const found = { files: [] as DataFile[], others: [] as string[] };
  const names = await readdir(join(root, below)).catch((error: NodeJS.ErrnoException) => {
    if (depth > 0 && error.code === 'ENOENT') return [];
    throw new BackupError('failed', `${showControls(join(root, below))} cannot be read: ${error.message}`);
  });
  for (const name of names.sort()) {
    const path = below === '' ? name : `${below}/${name}`;
    const facts = await lstat(join(root, path)).catch(() => undefined);
    if (facts === undefined) continue;
    if (facts.isFile()) found.files.push({ path, bytes: facts.size, allocated: facts.blocks * 512 });
    else if (!facts.isDirectory() || depth === DEEPEST) found.others.push(path);
    else {
      const more = await listData(root, path, depth + 1);
      found.files.push(...more.files);
      found.others.push(...more.others);
    }
  }
  return found;
}

/** Names of a file that has another one since MariaDB 11. */
const CHECKPOINTS = ['mariadb_backup_checkpoints', 'xtrabackup_checkpoints'];

/** What only mariadb-backup reads: not put into the data directory of a server. */
export function isToolFile(path: string): boolean {
  return /^(?:xtrabackup_|mariadb_backup_|backup-my\.cnf$)/.test(path);
}

/**
 * What is wrong with a copy as far as mariadb-backup itself says: it must be a full one, prepared, and its log must reach
 * to its end; undefined where nothing is.
 */
export async function checkpointComplaint(data: string): Promise<string | undefined> {
  for (const name of CHECKPOINTS) {
    const facts = await lstat(join(data, name)).catch(() => undefined);
    if (facts?.isFile() !== true || facts.size > LARGEST_CHECKPOINTS) continue;
    return checkpointsComplaint(await readFile(join(data, name), 'utf8'), name);
  }
  return `${CHECKPOINTS.join(' or ')} is missing`;
}

const LARGEST_CHECKPOINTS = 64 * 1024;

/** See {@link checkpointComplaint}. @param text lines of `name = value` */
export function checkpointsComplaint(text: string, name: string): string | undefined {
  const values = new Map(text.split('\n').map((line) => line.split(/ *= */, 2) as [string, string | undefined]));
  const kind = values.get('backup_type');
  if (kind !== 'log-applied' && kind !== 'full-prepared')
    return `${name} says \`${kind ?? ''}\`, not that it is prepared`;
  const [from, to, last] = ['from_lsn', 'to_lsn', 'last_lsn'].map((key) => Number(values.get(key) ?? Number.NaN));
  if (from !== 0) return `${name} says that it is no full copy`;
  const isWhole = to !== undefined && last !== undefined && to > 0 && last >= to;
  return isWhole ? undefined : `${name} says that the log ends before the data does`;
}

const UNITS: Readonly<Record<string, number>> = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/**
 * What is wrong with `innodb_data_file_path` of a copy: a server makes the files that it names and that are missing, of whatever
 * size; undefined where nothing is.
 */
export function tablespaceComplaint(setting: string, { files }: DataFiles): string | undefined {
  const there = new Map(files.map(({ path, bytes }) => [path, bytes]));
  for (const part of setting.split(';')) {
    const [, name = '', number, unit = ''] = /^([^:]+):(\d+)([KMG]?)(?=:|$)/i.exec(part) ?? [];
    const bytes = Number(number) * (UNITS[unit.toUpperCase()] ?? 1);
    if (!((there.get(name) ?? -1) >= bytes)) return `innodb_data_file_path names ${part}, which is not in the copy`;
  }
  return undefined;
}

/** Files of a copy whose names no MariaDB writes, or that are no files. */
export function strangeNames({ files, others }: DataFiles): readonly string[] {
  return [...files.map(({ path }) => path).filter((path) => !FILE_PATH.test(path)), ...others];
}

/** What differs between the files that were written down and those that are there; undefined where nothing does. */
export function fileDifference(
  written: readonly Pick<DataFile, 'path' | 'bytes'>[],
  { files, others }: DataFiles,
): string | undefined {
  const there = new Map(files.map(({ path, bytes }) => [path, bytes]));
  const differences = written.flatMap(({ path, bytes }) => {
    const now = there.get(path);
    if (now === bytes) return [];
    return [now === undefined ? `${path} is missing` : `${path} has ${now} bytes, not ${bytes}`];
  });
  const known = new Set(written.map(({ path }) => path));
  const strange = [...there.keys(), ...others].filter((path) => !known.has(path));
  differences.push(...strange.map((path) => `${showControls(path)} was not saved`));
  if (differences.length === 0) return undefined;
  const more = differences.length > NAMED ? `; ${differences.length - NAMED} more` : '';
  return differences.slice(0, NAMED).join('; ') + more;
}

const NAMED = 5;
