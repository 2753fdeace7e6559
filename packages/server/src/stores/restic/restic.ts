// SPDX-License-Identifier: AGPL-3.0-or-later
import { statfs } from 'node:fs/promises';
import { BackupError } from '@local-backup/common/errors';
import type { Run, RunResult } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import { withoutCredentials } from '../../config/repository-location.ts';
import { lockArgs } from './args.ts';
import { type Environment, type Variables, variablesOf, withRestLogin } from './environment.ts';
import { classifyFailure, EXIT, type Failure, KNOWN_EXIT_CODES, reasonIn } from './exit-codes.ts';
import { resticError } from './meaning.ts';
import { errorText } from './messages.ts';
import { checkPassword, describePassword, type Password, passwordEnvironment } from './password.ts';
import { serverOf, whyUnreachable } from './reachable.ts';
import { type ResticVersion, requireVersion } from './version.ts';

/** What every call of restic for one host has in common. */
export interface ResticSettings {
  readonly host: string;
  /** A directory or anything else that restic takes as a repository. */
  readonly repository: string;
  readonly password: Password;
  /** Name or path of the program. */
  readonly program: string;
  readonly cacheDirectory: string;
  /** What a remote repository needs, AWS_ACCESS_KEY_ID for example. Nothing else of the environment reaches restic. */
  readonly environment: Environment;
  /** How long to wait for another restic command that has locked the repository; needs restic 0.16. Milliseconds. */
  readonly lockWaitMs: number;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly cwd?: string;
  readonly onLine?: (line: string) => void;
  /** A file descriptor that standard output is written to as it is, instead of being captured. */
  readonly stdoutTo?: number;
  /** Exit code 3 ("not all could be read") is no failure. */
  readonly acceptIncomplete?: boolean;
  /** The command takes a lock, which is worth waiting for. */
  readonly locks?: boolean;
  /** Failures that the caller deals with: they are in the result instead of being thrown. */
  readonly tolerate?: readonly Failure[];
}

export interface CallResult extends RunResult {
  /** One of those to be tolerated. */
  readonly failure?: Failure;
}

/** Calls restic for one host. */
export interface Restic {
  readonly settings: ResticSettings;
  /** @throws BackupError `config` when there is no restic, or an old one */
  readonly version: (signal: AbortSignal) => Promise<ResticVersion>;
  /** @throws BackupError that says what the exit code and the output mean */
  readonly call: (args: readonly string[], options: CallOptions) => Promise<CallResult>;
}

const VERSION_TIMEOUT_MS = 60_000;

/**
 * How long restic gets to remove its lock and temporary files once it has to end. SIGINT comes first, because 0.14
 * leaves its lock behind on SIGTERM.
 */
const KILL_AFTER_MS = 60_000;

/** A progress line every ten seconds; nobody reads them, but they show life in a trace. */
const PROGRESS_FPS = '0.1';

/** With less than this free restic cannot finish what it is writing: the largest `--pack-size` that it takes. */
const LARGEST_PACK_BYTES = 128 * 1024 ** 2;

/** Lines of a restic that had to be ended that are shown beside the limit it exceeded. */
const REASONS_QUOTED = 3;

export function createRestic(settings: ResticSettings, { run, log }: { run: Run; log: Log }): Restic {
  const { program } = settings;
  let known: ResticVersion | undefined;

  const version = async (signal: AbortSignal): Promise<ResticVersion> => {
    if (known === undefined) {
      const { stdout } = await run(program, ['version'], { timeoutMs: VERSION_TIMEOUT_MS, signal });
      known = requireVersion(stdout, program);
    }
    return known;
  };

  const call = async (args: readonly string[], options: CallOptions): Promise<CallResult> => {
    await checkPassword(settings.password);
    const installed = await version(options.signal);
    const env = await environmentOf(settings);
    const { cwd, onLine, stdoutTo, signal } = options;
    await requireReachable(settings, { env, signal, verb: args[0] ?? '' });
    const lockWaitMs = options.locks === true ? settings.lockWaitMs : 0;
    const timeoutMs = options.timeoutMs + lockWaitMs;
    const verb = args[0] ?? '';
    const result = await run(program, [...args, ...lockArgs(installed, lockWaitMs)], {
      ...(cwd === undefined ? {} : { cwd }),
      ...(onLine === undefined ? {} : { onLine }),
      ...(stdoutTo === undefined ? {} : { stdoutTo }),
      ...{ env, signal, timeoutMs, accept: KNOWN_EXIT_CODES, endSignal: 'SIGINT', killAfterMs: KILL_AFTER_MS },
    }).catch((error: unknown) => throwWithReason(error, settings, verb));
    log.debug('restic ended', { host: settings.host, program: `restic ${verb}`, exitCode: result.exitCode });
    return judge(settings, result, { ...options, installed, verb });
  };

  return { settings, version, call };
}

/** @throws BackupError where nobody listens at the address of the repository */
async function requireReachable(
  settings: ResticSettings,
  { env, signal, verb }: { readonly env: Variables; readonly signal: AbortSignal; readonly verb: string },
): Promise<void> {
  const server = serverOf(settings.repository, env);
  const text = server === undefined ? undefined : await whyUnreachable(server, signal);
  if (text === undefined) return;
  throw resticError('unreachable', { ...contextOf(settings), verb, exitCode: undefined, text });
}

/**
 * A restic that had to be ended was often trying the same thing over and over: 0.14 does so on a full disk until its time
 * is up. The error quotes its last lines, and where they tell the reason that comes first.
 */
async function throwWithReason(error: unknown, settings: ResticSettings, verb: string): Promise<never> {
  if (!(error instanceof BackupError) || error.code !== 'failed') throw error;
  const failure = reasonIn(error.message) ?? ((await hasNoRoom(settings.repository)) ? 'full' : undefined);
  if (failure === undefined) throw error;
  const [ended = '', ...quoted] = error.message.split('\n');
  const text = [ended, ...quoted.slice(-REASONS_QUOTED)].join('\n');
  throw resticError(failure, { ...contextOf(settings), verb, exitCode: undefined, text }, { cause: error });
}

/** Some failed writes leave 0.14 waiting for ever without a word. */
async function hasNoRoom(repository: string): Promise<boolean> {
  if (!repository.startsWith('/')) return false;
  const space = await statfs(repository).catch(() => undefined);
  return space !== undefined && space.bavail * space.bsize < LARGEST_PACK_BYTES;
}

/** @throws BackupError where the result is neither a success nor a failure that the caller tolerates */
function judge(
  settings: ResticSettings,
  result: RunResult,
  call: CallOptions & { readonly installed: ResticVersion; readonly verb: string },
): CallResult {
  const { exitCode } = result;
  if (exitCode === EXIT.success) return result;
  if (exitCode === EXIT.incomplete && call.acceptIncomplete === true) return result;
  const text = errorText(result.stderr);
  const failure = classifyFailure(call.installed, exitCode, text);
  if (call.tolerate?.includes(failure) === true) return { ...result, failure };
  throw resticError(failure, { ...contextOf(settings), verb: call.verb, exitCode, text });
}

function contextOf({ host, repository, password }: ResticSettings) {
  return { host, repository: withoutCredentials(repository), password: describePassword(password) };
}

async function environmentOf({ environment, ...settings }: ResticSettings): Promise<Variables> {
  const { repository, variables } = withRestLogin(settings.repository, await variablesOf(environment));
  return {
    ...variables,
    ...passwordEnvironment(settings.password),
    RESTIC_REPOSITORY: repository,
    RESTIC_CACHE_DIR: settings.cacheDirectory,
    RESTIC_PROGRESS_FPS: PROGRESS_FPS,
  };
}
