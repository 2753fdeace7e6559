// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BytePath, displayPath } from '@local-backup/common/byte-path';
import { bytesBelow } from './bytes-below.ts';

/**
 * Why a path is not in a copy as it should be; undefined where it is. No link on the way to it is followed: the copy may be
 * hostile.
 * @param name directory of the service in the copy: `data`, `modules/nginx/config`
 * @param path relative to it; `.` for itself, which has to be a directory
 */
export async function problemInCopy(copy: string, name: string, path: BytePath): Promise<string | undefined> {
  const above = name.split('/');
  for (const count of above.keys()) {
    const shown = above.slice(0, count + 1).join('/');
    const problem = await directoryProblem(Buffer.from(join(copy, shown)), shown);
    if (problem !== undefined) return problem;
  }
  const steps = path === '.' ? [] : path.split('/');
  for (const index of steps.keys()) {
    const step = steps.slice(0, index + 1).join('/') as BytePath;
    const [file, shown] = [bytesBelow(join(copy, name), step), `${name}/${displayPath(step)}`];
    const isLast = index === steps.length - 1;
    const problem = isLast ? await missingProblem(file, shown) : await directoryProblem(file, shown);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

async function missingProblem(file: Buffer, shown: string): Promise<string | undefined> {
  const facts = await lstat(file).catch(() => undefined);
  return facts === undefined ? `${shown} is missing in the copy` : undefined;
}

async function directoryProblem(file: Buffer, shown: string): Promise<string | undefined> {
  const facts = await lstat(file).catch(() => undefined);
  if (facts === undefined) return `${shown} is missing in the copy`;
  return facts.isDirectory() ? undefined : `${shown} in the copy is no directory`;
}
