// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * What kind of thing went wrong. `usage` and `config` are for the admin to mend before anything is touched, `locked`
 * means another instance is at work, `spool-locked` that the spool was held to the last retry, `failed` is everything
 * that went wrong while working, and `untrusted` is data from another machine that does not hold what it promises.
 */
export type ErrorCode = 'usage' | 'config' | 'locked' | 'spool-locked' | 'failed' | 'untrusted' | 'interrupted';

/** The one place where codes become exit codes (docs/design.md, "Exit codes"). */
const EXIT_CODE: Record<ErrorCode, number> = {
  failed: 1,
  'spool-locked': 1,
  untrusted: 1,
  usage: 2,
  config: 2,
  locked: 3,
  interrupted: 130,
};

/**
 * An error that an operator can act on: `message` says what happened, to what, why, and what to do next.
 * Everything that is not a `BackupError` is a bug in this program and is shown with its stack.
 */
export class BackupError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BackupError';
    this.code = code;
  }
}

/** A run was ended by SIGINT (exit code 130) or SIGTERM (143); thrown once everything has been put back. */
export class InterruptedError extends BackupError {
  readonly signal: 'SIGINT' | 'SIGTERM';

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super('interrupted', `Ended by ${signal}; everything that was started has been put back.`);
    this.name = 'InterruptedError';
    this.signal = signal;
  }
}

/** Exit code for whatever reached the command line. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof InterruptedError && error.signal === 'SIGTERM') return 143;
  return error instanceof BackupError ? EXIT_CODE[error.code] : 1;
}

/** Text for people: the message of known errors, the stack of bugs. */
export function describeError(error: unknown): string {
  if (error instanceof BackupError) return error.message;
  if (error instanceof Error) return `internal error, please report it: ${error.stack ?? error.message}`;
  return `internal error, please report it: ${String(error)}`;
}

/** Errors that the log has told already. Weak: nothing is kept alive for it. */
const reported = new WeakSet<object>();

/** Marks an error that the log has told: the command line does not tell it again. Whatever was thrown is returned. */
export function markReported<Thrown>(error: Thrown): Thrown {
  if (typeof error === 'object' && error !== null) reported.add(error);
  return error;
}

/** True after {@link markReported}. */
export function isReported(error: unknown): boolean {
  return typeof error === 'object' && error !== null && reported.has(error);
}
