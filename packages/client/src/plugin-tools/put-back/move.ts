// SPDX-License-Identifier: AGPL-3.0-or-later

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BytePath } from '@local-backup/common/byte-path';
import { TAR_UNPACKING } from '@local-backup/common/tar-options';
import { namesForTar } from '../../archive-paths.ts';
import type { RestoreContext } from '../../plugin-copy.ts';
import { tarArgs } from '../../tar-args.ts';

type TarIo = Pick<RestoreContext, 'exec' | 'tools' | 'signal' | 'scratch'>;

/** Longest time for one tree, in milliseconds. */
const TAR_MS = 24 * 60 * 60_000;

/** For unpacking what {@link writeTar} writes, as the server unpacks an archive. */
export const EXTRACT = ['--extract', '--read-full-records', '--force-local', ...TAR_UNPACKING];

/** What members are put under: a member `.` is the directory itself, whose owner and mode count as well. */
export const PREFIX = '.';

/** What tar is to read: paths below `root`. */
export interface Reading {
  readonly root: string;
  readonly paths: readonly BytePath[];
  /** True: directories with all that is in them. */
  readonly recursion: boolean;
  /** Further options of tar. */
  readonly more?: readonly string[];
}

/**
 * Puts paths below one directory to the same places below another one, with everything that is known of them.
 * @returns what tar has to say, line by line
 */
export async function copyByTar(reading: Reading, to: string, io: TarIo): Promise<readonly string[]> {
  const pipe = join(io.scratch, 'pipe');
  await io.exec('mkfifo', ['--mode=600', '--', pipe], { timeoutMs: TAR_MS, signal: io.signal });
  // Where one of them ends before it has opened the pipe, the other one would wait for ever.
  const both = new AbortController();
  const end = () => both.abort(io.signal.reason);
  io.signal.addEventListener('abort', end, { once: true });
  const failures: unknown[] = [];
  const guard = async (work: Promise<readonly string[]>) => {
    return work.catch((error: unknown): readonly string[] => {
      failures.push(error);
      both.abort(error);
      return [];
    });
  };
  try {
    const ends = { ...io, signal: both.signal };
    const said = await Promise.all([guard(writeTar(reading, pipe, ends)), guard(extractTar(pipe, to, ends))]);
    if (failures.length > 0) throw failures[0];
    return said.flat();
  } finally {
    io.signal.removeEventListener('abort', end);
    await rm(pipe, { force: true });
  }
}

/** Writes an archive without compression. */
export async function writeTar(
  { root, paths, recursion, more = [] }: Reading,
  file: string,
  io: TarIo,
): Promise<readonly string[]> {
  const [program = 'tar', ...first] = io.tools.tar;
  const all = tarArgs({ prefix: PREFIX, root, exclude: [], oneFileSystem: false, recursion });
  const args = all.map((word) => (word === '--file=-' ? `--file=${file}` : word));
  const { stderr } = await io.exec(program, [...first, '--force-local', ...more, ...args], {
    env: { LC_ALL: 'C' },
    stdin: namesForTar(paths),
    timeoutMs: TAR_MS,
    signal: io.signal,
    // 1: a file changed while it was read. It is said.
    accept: [0, 1],
  });
  return linesOf(stderr);
}

/** Unpacks an archive of {@link writeTar}. */
export async function extractTar(file: string, to: string, io: TarIo): Promise<readonly string[]> {
  const [program = 'tar', ...first] = io.tools.tar;
  const { stderr } = await io.exec(program, [...first, ...EXTRACT, `--file=${file}`, `--directory=${to}`], {
    env: { LC_ALL: 'C' },
    timeoutMs: TAR_MS,
    signal: io.signal,
  });
  return linesOf(stderr);
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
