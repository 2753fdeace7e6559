// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import * as z from 'zod';
import { callStage } from './call.ts';
import { PROTOCOL } from './environment.ts';
import type { Description, Stage } from './protocol.ts';
import type { Options } from './stages.ts';

export interface ExecutableIo {
  readonly exec: Run;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Added to the environment of every stage: LOG_LEVEL. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A description is asked for by every command, so it must not take long. */
const DESCRIBE_TIMEOUT_MS = 20_000;

const anyOptions = z.record(z.string(), z.unknown());

export interface Described {
  readonly summary: string;
  /** Undefined where the executable did not list them. */
  readonly stages: readonly Stage[] | undefined;
  readonly options: z.ZodType<Options>;
  readonly order: number | undefined;
  readonly savesNothing: boolean;
  /** See `Plugin.takesContainer`. */
  readonly takesContainer: boolean;
}

/**
 * Asks an executable what it is. One that does not know `describe` takes any options, and may have any stage.
 * @throws BackupError
 */
export async function describeExecutable(
  file: string,
  name: string,
  { exec, log, signal, environment }: ExecutableIo,
): Promise<Described> {
  const env = { ...environment, BACKUP_TASK: name, BACKUP_PROTOCOL: PROTOCOL, DRY_RUN: 'false' };
  const { told } = await callStage({
    // Asked for by every command, so what it says beside is for whoever looks for it.
    ...{ file, exec, log: { ...log, info: log.debug }, signal, env, stage: 'describe', input: {}, cwd: '/' },
    timeoutMs: DESCRIBE_TIMEOUT_MS,
    isPromised: false,
  });
  const said = told.flatMap((answer) => (answer.kind === 'describe' ? [answer.value] : []));
  if (said.length > 1) throw new BackupError('failed', `${showControls(file)} describes itself ${said.length} times.`);
  const description: Description = said[0] ?? {};
  return {
    summary: description.summary ?? `A plugin of your own: ${showControls(file)}`,
    stages: description.stages === undefined ? undefined : ['run', ...description.stages],
    options: description.options === undefined ? anyOptions : schemaOf(description.options, file),
    order: description.order,
    savesNothing: description.saves_nothing ?? false,
    takesContainer: description.takes_container ?? false,
  };
}

/** The executable's JSON schema as one of ours, so that its options are checked as all others are, with line and column. */
function schemaOf(schema: Readonly<Record<string, unknown>>, file: string): z.ZodType<Options> {
  try {
    if (schema.type !== 'object') throw new Error('`type` must be `object`');
    return z.fromJSONSchema(schema).pipe(anyOptions);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BackupError('failed', `${showControls(file)} describe: its schema of options cannot be used: ${why}`);
  }
}
