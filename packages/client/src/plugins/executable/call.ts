// SPDX-License-Identifier: AGPL-3.0-or-later
import { basename } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import { quoteLastLines } from '@local-backup/common/exec-failure';
import type { Log } from '@local-backup/common/log';
import { type Answer, parseAnswer, type Stage } from './protocol.ts';

/**
 * Exit code for "I do not have this stage", when nothing was printed either. 64 is EX_USAGE of sysexits.h: the command was
 * used in a way that it does not know. Silence is asked for because a program that a stage has started may end with 64 too.
 */
const NO_SUCH_STAGE = 64;

/** Lines, plain text or not, that go to the log of one stage; the rest is counted. */
const MOST_LINES = 1_000;
/** Characters of such a line. */
const LONGEST_LINE = 2_000;
/** Answers of one stage: what they hold is kept in memory. */
const MOST_ANSWERS = 100_000;

export interface Call {
  readonly file: string;
  readonly stage: Stage;
  readonly exec: Run;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Added to the environment. */
  readonly env: Readonly<Record<string, string>>;
  /** What the plugin reads from standard input: its options. */
  readonly input: unknown;
  readonly cwd: string;
  /** Most that the stage may take, in milliseconds; `task_timeout` may be lower. */
  readonly timeoutMs: number;
  /** The plugin has said that it has this stage. */
  readonly isPromised: boolean;
  /** Gets `remember` at once. */
  readonly onRemember?: (state: string) => Promise<void>;
}

type Told = Exclude<Answer, { kind: 'text' | 'log' | 'remember' }>;

/** What came of a stage. */
export interface Reply {
  /** False where the plugin does not have this stage. */
  readonly isImplemented: boolean;
  /** In the order of the output. */
  readonly told: readonly Told[];
}

/**
 * Calls one stage of an executable: its name as argument, options as JSON on standard input, answers in JSON lines from
 * standard output.
 * @throws BackupError `failed` where it fails, hangs, or says what the protocol does not know
 */
export async function callStage(call: Call): Promise<Reply> {
  const { file, stage, exec, log, signal, env, cwd, timeoutMs, isPromised } = call;
  const hears = hearLines(call);
  const result = await exec(file, [stage], {
    ...{ env, cwd, timeoutMs, signal },
    limitedBy: '`task_timeout` of client_config.yml',
    stdin: `${JSON.stringify(call.input)}\n`,
    onLine: hears.line,
    accept: isPromised ? [0] : [0, NO_SUCH_STAGE],
  })
    .catch((error: unknown) => {
      throw error instanceof RangeError ? tooLong(call, error) : error;
    })
    .finally(hears.settled);
  const isSilent = hears.lines() === 0 && result.stderr.trim() === '';
  if (result.exitCode === NO_SUCH_STAGE && !isSilent) {
    const said = quoteLastLines(result.stderr, (text) => text);
    throw new BackupError(
      'failed',
      `${showControls(basename(file))} ${stage} failed with exit code 64. (A stage that a plugin does not have ends with 64 ` +
        `and prints nothing.)${said}`,
    );
  }
  const said = quoteLastLines(result.stderr, (text) => text);
  if (said !== '') log.info(`${stage} wrote to standard error:${said}`);
  return { isImplemented: result.exitCode === 0, told: hears.told };
}

/** Of the line splitter: somebody has printed a dump, for example. */
function tooLong({ file, stage }: Call, { message }: RangeError): BackupError {
  const name = showControls(basename(file));
  return new BackupError('failed', `${name} ${stage}: ${message}. What is to be saved belongs into files.`);
}

function hearLines({ file, stage, log, onRemember }: Call) {
  const told: Told[] = [];
  let lines = 0;
  let left = 0;
  let written = Promise.resolve();
  let failure: unknown;
  let shown = 0;
  const show = (level: 'debug' | 'info' | 'warn' | 'error', text: string) => {
    if (text.trim() === '') return;
    shown += 1;
    if (shown > MOST_LINES) left += 1;
    else log[level](showControls(text.slice(0, LONGEST_LINE)));
  };
  return {
    told,
    lines: () => lines,
    line: (line: string) => {
      lines += 1;
      const answer = parseAnswer(line, stage, `${showControls(basename(file))} ${stage}, line ${lines} of its output`);
      if (answer.kind === 'text') show('info', line);
      else if (answer.kind === 'log') show(answer.level, answer.message);
      else if (answer.kind !== 'remember') keep(told, answer, file);
      else {
        const state = JSON.stringify(answer.value);
        written = written
          .then(() => onRemember?.(state))
          .catch((error: unknown) => {
            failure ??= error;
          });
      }
    },
    /** When all that is to be remembered is on disk. */
    settled: async () => {
      await written;
      if (left > 0) log.info(`... and ${left} more lines from ${stage}.`);
      if (failure !== undefined) throw failure;
    },
  };
}

function keep(told: Told[], answer: Told, file: string): void {
  if (told.length >= MOST_ANSWERS) {
    throw new BackupError('failed', `${showControls(basename(file))} gave more than ${MOST_ANSWERS} answers.`);
  }
  told.push(answer);
}
