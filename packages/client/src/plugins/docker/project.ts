// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readFile } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import { CONFIG_DIRECTORY, PROJECT_FILE } from './places.ts';

/** From the root, as the kernel would take it: what a hostile copy says is not resolved to somewhere else. */
const place = z
  .string()
  .refine((path) => isAbsolute(path) && normalize(path) === path && !/[\0\r\n]/.test(path) && path !== '/');

const service = z.string().regex(/^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/);

/** What was saved, and where it belongs: beside the saved files. */
export const projectSchema = z.object({
  format: z.literal(1),
  project: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/),
  directory: place,
  /** Files of the project: where they were, and where they are below `docker_config`. */
  files: z.array(z.object({ path: place, saved: z.string() })),
  composeFiles: z.array(place),
  services: z.array(service),
  /** Services that ran before anything was stopped. */
  running: z.array(service),
  pinned: z.boolean(),
  images: z.record(service, z.string()),
  labels: z.record(z.string(), z.record(z.string(), z.string())),
  volumes: z.array(z.object({ name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/), key: z.string().optional() })),
  binds: z.array(place),
  /** Also where they were not saved. */
  hasBinds: z.boolean(),
});

export type SavedProject = z.infer<typeof projectSchema>;

/** It lists files and labels of a few services. */
const LARGEST = 4 * 1024 * 1024;

/** @throws BackupError `failed` where the copy holds none, or not what it should */
export async function readSavedProject(copy: string): Promise<SavedProject> {
  const text = await readCopied(copy, [CONFIG_DIRECTORY, PROJECT_FILE]);
  try {
    return projectSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new BackupError('failed', `${CONFIG_DIRECTORY}/${PROJECT_FILE} in the copy is damaged.`, { cause: error });
  }
}

/**
 * A file of a copy, no link followed.
 * @throws BackupError `failed`
 */
export async function readCopied(copy: string, names: readonly string[]): Promise<string> {
  const file = await locateCopied(copy, names);
  const facts = file === undefined ? undefined : await lstat(file);
  if (file === undefined || facts?.isFile() !== true || facts.size > LARGEST)
    throw new BackupError('failed', `${names.join('/')} is not in the copy, is no file, or is too large.`);
  return readFile(file, 'utf8');
}

/** Where something is in a copy; undefined where it is not, or where the way there leads through a link. */
export async function locateCopied(copy: string, names: readonly string[]): Promise<string | undefined> {
  const parts = names.flatMap((name) => name.split('/')).filter((name) => name !== '');
  if (parts.some((name) => name === '.' || name === '..')) return undefined;
  let path = copy;
  for (const [index, part] of parts.entries()) {
    path = join(path, part);
    const facts = await lstat(path).catch(() => undefined);
    if (facts === undefined || (index < parts.length - 1 && !facts.isDirectory())) return undefined;
  }
  return path;
}
