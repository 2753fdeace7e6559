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
  /** Services that are left out because a symbolic link leads to them; each is told as a sentence. */
  readonly warnings: readonly string[];
}

const FILE_NAMES = ['service.yaml', 'service.yml'];

/**
 * Reads `<directory>/<type>/<name>/service.yaml` and `<directory>/<name>/service.yaml` (or `service.yml`), sorted by
 * path; not deeper, and not through symbolic links to directories: whoever owns what they lead to could make anything
 * run as root.
 * @throws BackupError `config` where the directory cannot be read
 */
export async function discoverServices(directory: string, plugins: readonly Plugin[]): Promise<Discovered> {
  const services: Service[] = [];
  const rejected: RejectedService[] = [];
  const { files, links } = await findServiceFiles(directory);
  for (const file of files) {
    const found = await readService(file, plugins);
    const earlier = 'tasks' in found ? services.find((other) => isSame(other, found)) : undefined;
    if (!('tasks' in found)) rejected.push(found);
    else if (earlier === undefined) services.push(found);
    else
      rejected.push(
        reject(file, `${file}: service \`${found.name}\` of type \`${found.type}\` is in ${earlier.file} already.`),
      );
  }
  return { services, rejected, warnings: links.map(linkMessage) };
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

interface Found {
  readonly files: readonly string[];
  /** Symbolic links to directories that hold services. */
  readonly links: readonly string[];
}

/** The service.yaml files of a directory, unread. @throws BackupError `config` where it cannot be read */
export async function findServiceFiles(directory: string): Promise<Found> {
  const files: string[] = [];
  const links: string[] = [];
  const top = await list(directory);
  links.push(...(await linksToServices(directory, top, 2)));
  for (const type of subdirectories(top)) {
    const typeDirectory = join(directory, type);
    const entries = await list(typeDirectory);
    files.push(...serviceFiles(typeDirectory, entries));
    links.push(...(await linksToServices(typeDirectory, entries, 1)));
    for (const name of subdirectories(entries)) {
      files.push(...serviceFiles(join(typeDirectory, name), await list(join(typeDirectory, name))));
    }
  }
  return { files: files.sort(), links: links.sort() };
}

/** The links among the entries of a directory behind which there is a service, at most so many levels deep. */
async function linksToServices(directory: string, entries: readonly Dirent[], depth: number): Promise<string[]> {
  const found: string[] = [];
  for (const entry of entries.filter((candidate) => candidate.isSymbolicLink())) {
    const link = join(directory, entry.name);
    if (await holdsService(link, depth)) found.push(link);
  }
  return found;
}

async function holdsService(directory: string, depth: number): Promise<boolean> {
  // A link to a file, or to nothing, is no service either.
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  if (serviceFiles(directory, entries).length > 0) return true;
  if (depth === 1) return false;
  const below = subdirectories(entries).map((name) => holdsService(join(directory, name), depth - 1));
  return (await Promise.all(below)).includes(true);
}

function linkMessage(link: string): string {
  return (
    `${link} is a symbolic link to a directory and is not followed: the services in it are NOT saved. ` +
    'Put the directory itself there, or only its service.yaml.'
  );
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
