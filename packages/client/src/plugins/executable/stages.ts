// SPDX-License-Identifier: AGPL-3.0-or-later
import type { PluginContext } from '../../plugin.ts';
import { callStage, type Reply } from './call.ts';
import { optionVariables, stageEnvironment } from './environment.ts';
import type { Stage } from './protocol.ts';

/** The task's block of the service.yaml, as it stands. */
export type Options = Readonly<Record<string, unknown>>;

/** An executable that has been asked to describe itself. */
export interface Executable {
  readonly file: string;
  /** The task's key. */
  readonly name: string;
  /** The stages it has; undefined where it has not said, so that each has to be tried. */
  readonly stages: readonly Stage[] | undefined;
  /** Added to the environment of every stage. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Stages that look and change nothing should be done in this time, in milliseconds. */
const LOOK_TIMEOUT_MS = 10 * 60_000;
/** `task_timeout` of client_config.yml is lower than this longest time that a timer takes. */
const WORK_TIMEOUT_MS = 24 * 24 * 60 * 60_000;
/** What puts back has to let a recovery without a configuration, and so without `task_timeout`, go on. */
const UNDO_TIMEOUT_MS = 6 * 60 * 60_000;
const LOOKS: readonly Stage[] = ['validate', 'restore-plan'];
const UNDOES: readonly Stage[] = ['post', 'revert', 'restore-start'];

function timeoutOf(stage: Stage): number {
  if (LOOKS.includes(stage)) return LOOK_TIMEOUT_MS;
  return UNDOES.includes(stage) ? UNDO_TIMEOUT_MS : WORK_TIMEOUT_MS;
}

/** True where a stage is there, or may be. */
export function hasStage({ stages }: Executable, stage: Stage): boolean {
  return stages?.includes(stage) ?? true;
}

interface How {
  readonly stage: Stage;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly onRemember?: (state: string) => Promise<void>;
}

type Context = Pick<PluginContext<Options>, 'service' | 'options' | 'exec' | 'log' | 'signal'>;

/**
 * Calls a stage; one that the executable has not listed counts as not implemented without being called. Warnings that
 * have nowhere else to go are logged.
 */
export async function call(executable: Executable, context: Context, how: How): Promise<Reply> {
  const { file, name, stages, environment } = executable;
  const { stage, env = {}, cwd = '/', ...more } = how;
  if (!hasStage(executable, stage)) return { isImplemented: false, told: [] };
  const { exec, log, signal } = context;
  return callStage({
    ...{ file, stage, exec, log, signal, cwd, input: context.options, ...more },
    env: { ...optionVariables(context.options), ...stageEnvironment(name, context, environment), ...env },
    timeoutMs: timeoutOf(stage),
    isPromised: stages !== undefined || stage === 'run',
  });
}

/** The warnings among the answers. */
export function warningsOf({ told }: Reply): string[] {
  return told.flatMap((answer) => (answer.kind === 'warning' ? [answer.value] : []));
}

/** For stages whose result has no place for warnings. */
export function logWarnings(reply: Reply, { log }: Pick<Context, 'log'>): void {
  for (const warning of warningsOf(reply)) log.warn(warning);
}
