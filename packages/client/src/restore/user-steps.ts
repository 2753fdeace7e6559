// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { quoteLastLines } from '@local-backup/common/exec-failure';
import type { TaskIo } from '../task-context.ts';
import { stepNumberOf, type UserStep } from './order.ts';

/** Directory with a service's own steps, beside its service.yaml. */
const STEPS_DIRECTORY = 'restore.d';

/** Of a service that is not configured on this host: it has no steps either. */
export interface UserSteps {
  readonly steps: readonly UserStep[];
  /** Files that are not run, because they are not executable or not called like a step. */
  readonly ignored: readonly string[];
}

/** Somebody else could write to it. */
const OTHERS_WRITE = 0o022;
const EXECUTE = 0o111;

/**
 * The executables in `restore.d/` of a service.
 * @throws BackupError `config` where one of them, or the directory, is not root's alone: it is run as root
 */
export async function readUserSteps(configDirectory: string): Promise<UserSteps> {
  const directory = join(configDirectory, STEPS_DIRECTORY);
  const found = await lstat(directory).catch(ignoreMissing);
  if (found === undefined) return { steps: [], ignored: [] };
  if (!found.isDirectory()) throw new BackupError('config', `${directory} is no directory, so it holds no steps.`);
  requireRootsOwn(directory, found);
  const steps: UserStep[] = [];
  const ignored: string[] = [];
  for (const name of (await readdir(directory)).sort()) {
    const file = join(directory, name);
    const facts = await lstat(file);
    const number = stepNumberOf(name);
    if (number === undefined || !facts.isFile() || (facts.mode & EXECUTE) === 0) ignored.push(showControls(name));
    else {
      requireRootsOwn(file, facts);
      steps.push({ number, name, file });
    }
  }
  return { steps, ignored };
}

function requireRootsOwn(path: string, { uid, mode }: { readonly uid: number; readonly mode: number }): void {
  if (uid === 0 && (mode & OTHERS_WRITE) === 0) return;
  throw new BackupError(
    'config',
    `${showControls(path)} could be changed by others than root, and would be run as root. ` +
      `Look at it, then: chown root ${showControls(path)}; chmod go-w ${showControls(path)}`,
  );
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw new BackupError('config', `Cannot look for steps of the restore: ${error.message}`, { cause: error });
}

/** More than any service needs; `task_timeout` is lower where it is set so. */
const STEP_TIMEOUT_MS = 24 * 3_600_000;

/**
 * Runs a step; what it gets to know is on its standard input, as one JSON object.
 * @throws BackupError `failed` when it fails
 */
export async function runUserStep(step: UserStep, facts: object, { exec, log, signal }: TaskIo): Promise<void> {
  const { stdout, stderr } = await exec(step.file, [], {
    cwd: '/',
    stdin: `${JSON.stringify(facts)}\n`,
    timeoutMs: STEP_TIMEOUT_MS,
    limitedBy: '`task_timeout` of client_config.yml',
    signal,
  });
  for (const text of [stdout, stderr]) {
    // Secrets are removed by the log.
    const said = quoteLastLines(text, (line) => line);
    if (said !== '') log.info(`${step.name} said:${said}`);
  }
}
