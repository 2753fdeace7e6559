// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readConfigFile } from '@local-backup/common/config/file';
import { BackupError } from '@local-backup/common/errors';
import type { Plugin } from './plugin.ts';
import { parseService, type Service, serviceTypeOf } from './service.ts';

/** A service that cannot be run as its file stands: it counts as failed, the others go on. */
export interface RejectedService {
  readonly file: string;
  /** Name of the directory that holds the file: the file itself is not to be believed. */
  readonly name: string;
  readonly type: string;
  /** All complaints. */
  readonly message: string;
}

export interface Discovered {
  readonly services: readonly Service[];
  readonly rejected: readonly RejectedService[];
}

const FILE_NAMES = ['service.yaml', 'service.yml'];

/**
 * Reads `<directory>/<type>/<name>/service.yaml` and `<directory>/<name>/service.yaml` (or `service.yml`), sorted by
 * path; not deeper, and not through symbolic links to directories.
 * @throws BackupError `config` where the directory cannot be read
 */
export async function discoverServices(directory: string, plugins: readonly Plugin[]): Promise<Discovered> {
  const services: Service[] = [];
  const rejected: RejectedService[] = [];
  for (const file of await findServiceFiles(directory)) {
    const found = await readService(file, plugins);
    const earlier = 'tasks' in found ? services.find((other) => isSame(other, found)) : undefined;
    if (!('tasks' in found)) rejected.push(found);
    else if (earlier === undefined) services.push(found);
    else
      rejected.push(
        reject(file, `${file}: service \`${found.name}\` of type \`${found.type}\` is in ${earlier.file} already.`),
      );
  }
  return { services, rejected };
}

async function readService(file: string, plugins: readonly Plugin[]): Promise<Service | RejectedService> {
  try {
    return parseService(await readConfigFile(file), file, plugins);
  } catch (error) {
    if (error instanceof BackupError) return reject(file, error.message);
    throw error;
  }
}

function reject(file: string, message: string): RejectedService {
  return { file, name: basename(dirname(file)), type: serviceTypeOf(file), message };
}

function isSame(one: Service, other: Service): boolean {
  return one.name === other.name && one.type === other.type;
}

async function findServiceFiles(directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const type of subdirectories(await list(directory))) {
    const typeDirectory = join(directory, type);
    const entries = await list(typeDirectory);
    found.push(...serviceFiles(typeDirectory, entries));
    for (const name of subdirectories(entries)) {
      found.push(...serviceFiles(join(typeDirectory, name), await list(join(typeDirectory, name))));
    }
  }
  return found.sort();
}

async function list(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const problem =
      code === 'ENOENT' ? `${directory} does not exist. Create it, or correct \`service_dir\`.` : `${message}.`;
    throw new BackupError('config', `Services cannot be looked for: ${problem}`, { cause: error });
  }
}

function subdirectories(entries: readonly Dirent[]): string[] {
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

function serviceFiles(directory: string, entries: readonly Dirent[]): string[] {
  return entries.filter(({ name }) => FILE_NAMES.includes(name)).map(({ name }) => join(directory, name));
}
