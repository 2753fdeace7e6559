// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs';
import { PassThrough, type Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { type BoundedCapture, createCapture } from './bounded-capture.ts';
import { BackupError } from './errors.ts';
import { childEnvironment } from './exec-environment.ts';
import { describeExit, describeStartFailure, describeTimeout, quoteLastLines } from './exec-failure.ts';
import { createLineSplitter } from './line-splitter.ts';
import { type SupervisedGroup, superviseGroup } from './process-group.ts';
import { closeWhenQuiet } from './quiet-pipe.ts';

export interface RunOptions {
  readonly cwd?: string;
  /** Added to a small allow-list of the environment (PATH, LANG=C.UTF-8, ...); nothing else is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input; without it standard input is empty. A number is a file descriptor to read from. */
  readonly stdin?: string | Uint8Array | number;
  /** A file descriptor that standard output is written to, instead of being captured. */
  readonly stdoutTo?: number;
  /** Called with each line of standard output as it comes, instead of its being captured. */
  readonly onLine?: (line: string) => void;
  /** The process group is ended after this many milliseconds. */
  readonly timeoutMs: number;
  /** The options that this limit comes from, the lowest of which counts: for the message. */
  readonly limitedBy?: string;
  readonly signal?: AbortSignal;
  /** Exit codes that are no error, default [0]. */
  readonly accept?: readonly number[];
  /** Run as this user (numeric), for commands that must not be root. */
  readonly uid?: number;
  readonly gid?: number;
  /** First signal sent when the group has to end; SIGKILL follows `killAfterMs` (default 10 s) later. Default SIGTERM. */
  readonly endSignal?: 'SIGTERM' | 'SIGINT';
  readonly killAfterMs?: number;
}

export interface RunResult {
  readonly exitCode: number;
  /** Bounded capture: the first and last part where there was more, see `truncated`. */
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
}

/**
 * Runs an external program without a shell, in a process group of its own that ends as a whole.
 *
 * @throws BackupError `failed`: could not be started, ended with a code that is not accepted, by a signal, or timed out;
 *   the message names the program, says which of these it was and quotes the last lines of stderr, secrets removed.
 */
export type Run = (program: string, args: readonly string[], options: RunOptions) => Promise<RunResult>;

/** A running program whose standard output is read as a stream. */
export interface Streaming {
  /** Ends only where the program has succeeded, else it fails with the error of `finished`: half a stream is no stream. */
  readonly stdout: Readable;
  /** Settles when the program has ended; the same result and errors as {@link Run}, `stdout` being empty. */
  readonly finished: Promise<RunResult>;
  /** Ends the process group. */
  readonly end: () => void;
}

/** Starts a program as {@link Run} does, and leaves the reading of its standard output to the caller. */
export type Stream = (program: string, args: readonly string[], options: StreamOptions) => Streaming;

export type StreamOptions = Omit<RunOptions, 'stdoutTo' | 'onLine'>;

export interface ExecSettings {
  /** Removes secrets from what goes into error messages. */
  readonly scrub: (text: string) => string;
}

/** Bytes kept of an output: enough for a listing in JSON, bounded for a program that never stops talking. */
const STDOUT_KEPT = { first: 1024 * 1024, last: 64 * 1024 };
const STDERR_KEPT = { first: 64 * 1024, last: 64 * 1024 };

/** Longest line for `onLine`, in characters; a line of JSON about one file is far below that. */
const LONGEST_LINE = 16 * 1024 * 1024;

/** How long after its group was killed, in milliseconds, a program may take to be gone and its pipes to be empty. */
const ABANDON_AFTER_MS = 5_000;

/** The function that runs external programs. */
export function createRun({ scrub }: ExecSettings): Run {
  return async (program, args, options) => {
    const started = start({ program, args, options, scrub });
    const capture = createCapture(STDOUT_KEPT);
    const stop = (error: unknown) => started.group?.end({ kind: 'error', error });
    if (options.onLine === undefined) started.stdout?.on('data', capture.push);
    else if (started.stdout !== null) readLines(started.stdout, options.onLine, stop);
    const { exitCode, stderr } = await started.finished;
    const truncated = capture.truncated() || stderr.truncated();
    return { exitCode, stdout: capture.text(), stderr: stderr.text(), truncated };
  };
}

/** The function that starts external programs whose output is a stream. */
export function createStream({ scrub }: ExecSettings): Stream {
  return (program, args, options) => {
    const started = start({ program, args, options, scrub });
    const end = () => started.group?.end({ kind: 'request' });
    const finished = started.finished.then(({ exitCode, stderr }) => {
      return { exitCode, stdout: '', stderr: stderr.text(), truncated: stderr.truncated() };
    });
    const stdout = new PassThrough({
      highWaterMark: 64 * 1024,
      flush: (done) => finished.then(() => done(), done),
    });
    stdout.on('error', () => {
      // Whoever reads the stream gets the error from it; this listener is for the time before anybody does.
    });
    stdout.once('close', () => {
      end();
      started.stdout?.resume();
    });
    finished.catch((error) => stdout.destroy(error));
    started.stdout?.once('close', () => stdout.end()).pipe(stdout);
    // What nobody has read by then would keep the pipe, and so the program, waiting.
    void started.group?.ended.then(() => started.stdout?.unpipe().resume());
    return { stdout, finished, end };
  };
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly options: RunOptions;
  readonly scrub: (text: string) => string;
}

interface Started {
  /** Null where it goes to a file descriptor. */
  readonly stdout: Readable | null;
  /** Undefined where the program could not be started; `finished` says why. */
  readonly group: SupervisedGroup | undefined;
  readonly finished: Promise<{ readonly exitCode: number; readonly stderr: BoundedCapture }>;
}

function start(command: Command): Started {
  const { options } = command;
  options.signal?.throwIfAborted();
  const child = launch(command);
  const stderr = createCapture(STDERR_KEPT);
  child.stderr.on('data', stderr.push);
  const pipes = child.stdout === null ? [child.stderr] : [child.stdout, child.stderr];
  const group = child.pid === undefined ? undefined : superviseGroup(child.pid, options);
  child.once('exit', () => closeWhenQuiet(pipes));
  const finished = Promise.race([child, ...(group === undefined ? [] : [abandoned(group, pipes)])]).then(
    async (end) => {
      await group?.settle();
      return { exitCode: exitCodeOf(command, end, { group, stderr }), stderr };
    },
  );
  return { stdout: child.stdout, group, finished };
}

function launch({ program, args, options }: Command) {
  const { stdin, cwd, uid, gid } = options;
  return execa(program, args, {
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    ...(typeof stdin === 'string' || stdin instanceof Uint8Array
      ? { input: stdin }
      : { stdin: descriptor(stdin) ?? 'ignore' }),
    stdout: descriptor(options.stdoutTo) ?? 'pipe',
    env: childEnvironment(process.env, options.env),
    extendEnv: false,
    // A process group of its own, which execa would neither end nor wait for.
    detached: true,
    cleanup: false,
    // execa keeps whole outputs in memory and puts them, and the command line, into its error messages.
    buffer: false,
    reject: false,
  });
}

/** execa takes any file descriptor; its types know those up to 9. */
function descriptor(number: number | undefined): 3 | undefined {
  return number as 3 | undefined;
}

interface Ended {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  /** Of the system error where the program could not be started. */
  readonly code?: string | undefined;
}

/** Settles some time after the group was killed: a process that is stuck in the kernel cannot be waited for. */
async function abandoned(group: SupervisedGroup, pipes: readonly Readable[]): Promise<Ended> {
  await group.ended;
  await delay(ABANDON_AFTER_MS, undefined, { ref: false });
  for (const pipe of pipes) pipe.destroy();
  return {};
}

/** The exit code where it is accepted, else an error. */
function exitCodeOf(
  { program, options, scrub }: Command,
  { exitCode, signal, code }: Ended,
  { group, stderr }: { readonly group: SupervisedGroup | undefined; readonly stderr: BoundedCapture },
): number {
  const cause = group?.cause();
  const quoted = quoteLastLines(stderr.text(), scrub);
  if (cause?.kind === 'error') throw cause.error;
  if (cause?.kind === 'timeout') throw new BackupError('failed', describeTimeout(program, options) + quoted);
  if (group === undefined)
    throw new BackupError('failed', describeStartFailure(program, findReason(program, options, code)));
  if (exitCode !== undefined && (options.accept ?? [0]).includes(exitCode)) return exitCode;
  throw new BackupError('failed', describeExit(program, { exitCode, signal }) + quoted);
}

function findReason(program: string, { cwd, env }: RunOptions, code = 'unknown') {
  const searchPath = childEnvironment(process.env, env).PATH ?? '';
  const cwdExists = cwd === undefined || existsSync(cwd);
  return { code, searchPath, cwd, cwdExists, programExists: program.includes('/') && existsSync(program) };
}

/** Hands over lines until one of them is refused, which ends the program. */
function readLines(stdout: Readable, onLine: (line: string) => void, stop: (error: unknown) => void): void {
  const splitter = createLineSplitter(onLine, LONGEST_LINE);
  const guarded = (step: () => void) => {
    try {
      step();
    } catch (error) {
      stdout.removeAllListeners('data').resume();
      stop(error);
    }
  };
  stdout.on('data', (chunk: Buffer) => guarded(() => splitter.push(chunk)));
  stdout.once('end', () => guarded(splitter.end));
  stdout.once('close', () => guarded(splitter.end));
}
