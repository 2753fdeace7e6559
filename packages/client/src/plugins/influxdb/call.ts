// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { RunResult } from '@local-backup/common/exec';
import { findProgram, searchPathOf } from '@local-backup/common/find-program';
import { containerEngine, inContainer } from '../../plugin-tools/container.ts';
import type { Asking } from './server.ts';

/** Runs a program of InfluxDB, in its container where it has one; secrets go by the environment. */
export async function call(
  { options, exec, tools, signal }: Asking,
  words: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  const [program, ...args] = words;
  const started = inContainer({ program, args }, options.container, { tools, names: Object.keys(env) });
  return exec(started.program, started.args, {
    cwd: '/',
    env,
    signal,
    timeoutMs: options.timeout,
    limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml',
  });
}

/** @throws BackupError `config` where a program is missing that is started on this machine */
export async function requirePrograms(
  { options, tools }: Asking,
  programs: ReadonlyMap<string, string>,
): Promise<void> {
  const wanted =
    options.container === undefined ? programs : new Map([[containerEngine(tools), 'docker.io or podman']]);
  for (const [program, from] of wanted) {
    if ((await findProgram(program)) !== undefined) continue;
    throw new BackupError('config', `${program} not found in ${searchPathOf()}. Install it (Debian: ${from}).`);
  }
}

/**
 * Lends a directory that the programs can use: that of this machine, or one inside the container whose content is copied.
 * @param direction `out`: what they write is copied here afterwards; `in`: what is here is copied there first
 */
export async function withDirectory(
  asking: Asking,
  directory: string,
  direction: 'in' | 'out',
  work: (where: string) => Promise<void>,
): Promise<void> {
  const { options, tools, exec, signal } = asking;
  const { container } = options;
  if (container === undefined) return work(directory);
  const engine = containerEngine(tools);
  const limits = { cwd: '/', timeoutMs: options.timeout, signal };
  const { stdout } = await call(asking, ['mktemp', '-d', '/tmp/local-backup.XXXXXX']);
  const inside = stdout.trim();
  if (!/^\/tmp\/local-backup\.\w+$/.test(inside))
    throw new BackupError('failed', `${container}: mktemp says "${inside}".`);
  try {
    if (direction === 'in') await exec(engine, ['cp', `${directory}/.`, `${container}:${inside}`], limits);
    await work(inside);
    if (direction === 'out') await exec(engine, ['cp', `${container}:${inside}/.`, directory], limits);
  } finally {
    await call({ ...asking, signal: new AbortController().signal }, ['rm', '-rf', inside]);
  }
}
