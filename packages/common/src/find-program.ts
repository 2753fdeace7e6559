// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { childEnvironment } from './exec-environment.ts';

/**
 * The file that a program would be started from, or undefined where there is none that can be executed.
 * @param name a path, or a name that is looked for where the programs that we start look for it
 * @param env what is added to the environment of that program: it may hold a PATH of its own
 */
export async function findProgram(
  name: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const directories = searchPathOf(env).split(':');
  const candidates = name.includes('/') ? [name] : directories.map((directory) => join(directory, name));
  for (const file of candidates) if (await isExecutable(file)) return file;
  return undefined;
}

/** Where programs are looked for, separated by colons. */
export function searchPathOf(env: Readonly<Record<string, string>> = {}): string {
  return childEnvironment(process.env, env).PATH ?? '';
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    // Whatever keeps us from looking at it would keep us from starting it.
    return false;
  }
}
