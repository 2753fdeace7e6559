// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { findProgram } from '@local-backup/common/find-program';
import { requireTrustedFile } from '../../plugin-tools/trusted-file.ts';
import { asOwner, isOwn, type Module } from './module.ts';
import type { RestoringContext } from './place.ts';

/** Where a module has its own steps of a restore (E25). */
const DIRECTORY = 'actions/restore-module';

/** The step that copies state and volumes back: what this plugin does. */
const COPYING = { number: 10, name: '10restore' };

export interface Step {
  readonly number: number;
  readonly file: string;
}

/** The steps of a module, in the order of their numbers. */
export interface Steps {
  readonly before: readonly Step[];
  readonly after: readonly Step[];
  /** What is not run, as sentences. */
  readonly notes: readonly string[];
}

/**
 * Looks for the module's own steps. What is not executable is ignored (E25).
 * @throws BackupError `config` where one would run as root and others could change it
 */
export async function findSteps(module: Module, { options }: Pick<RestoringContext, 'options'>): Promise<Steps> {
  const directory = join(module.directory, DIRECTORY);
  const isThere = (await lstat(directory).catch(() => undefined))?.isDirectory() === true;
  if (!isThere || !options.restore_steps) return { before: [], after: [], notes: [] };
  const steps: Step[] = [];
  const notes: string[] = [];
  for (const name of (await readdir(directory)).sort()) {
    const number = Number.parseInt(name, 10);
    const file = join(directory, name);
    if (Number.isNaN(number) || name === COPYING.name) continue;
    if (await isExecutable(file)) steps.push({ number, file });
    else notes.push(`${showControls(file)} is not executable: it is not run`);
  }
  if (isOwn(module)) for (const { file } of steps) await requireTrustedFile(file);
  steps.sort((one, other) => one.number - other.number);
  const before = steps.filter(({ number }) => number < COPYING.number);
  return { before, after: steps.filter(({ number }) => number >= COPYING.number), notes };
}

async function isExecutable(file: string): Promise<boolean> {
  return (((await stat(file).catch(() => undefined))?.mode ?? 0) & 0o111) !== 0;
}

/**
 * Runs steps as the owner, in the surroundings that the system itself gives to them where it is there (`runagent`). The first
 * that fails ends it.
 * @param environment of the instance that was saved
 */
export async function runSteps(
  module: Module,
  steps: readonly Step[],
  environment: Readonly<Record<string, string>>,
  { exec, options, signal, log }: RestoringContext,
): Promise<void> {
  const agent = await findProgram('runagent');
  const request = { repository: '', path: '', snapshot: '', environment, replace: false };
  for (const { file } of steps) {
    const common = {
      stdin: JSON.stringify(request),
      timeoutMs: options.timeout,
      limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml',
      signal,
    };
    const { stdout } =
      agent === undefined
        ? await exec(file, [], { ...asOwner(module), ...common })
        : await exec(agent, ['-m', module.id, file], { cwd: '/', ...common });
    if (stdout.trim() !== '') log.info(stdout.trim());
  }
}

/** Lines `NAME=value` of `state/environment`. Pure. */
export function parseEnvironment(text: string): Readonly<Record<string, string>> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^([A-Za-z_]\w*)=(.*)$/.exec(line.trim()) ?? [];
    if (name !== undefined) found.set(name, value.replace(/^(["'])(.*)\1$/, '$2'));
  }
  return Object.fromEntries(found);
}
