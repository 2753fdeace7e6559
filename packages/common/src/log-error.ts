// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from './errors.ts';

/** Causes of causes that are followed: a chain may be circular. */
const DEEPEST_CAUSE = 5;

/** All that a log says about an error; other properties may hold environments, command lines or passwords. */
export interface SerializedError {
  readonly type: string;
  readonly code?: string;
  readonly message: string;
  /** Only of errors that are a bug in this program: an operator can do nothing with a stack. */
  readonly stack?: string;
  readonly cause?: SerializedError;
}

/** @param depth for its own use: how many causes up this one is */
export function serializeError(error: unknown, depth = 0): SerializedError {
  if (!(error instanceof Error)) return { type: typeof error, message: textOf(error) };
  const { code } = error as { code?: unknown };
  const isBug = depth === 0 && !(error instanceof BackupError);
  const hasCause = error.cause !== undefined && depth < DEEPEST_CAUSE;
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: error.message,
    ...(isBug && error.stack !== undefined ? { stack: error.stack } : {}),
    ...(hasCause ? { cause: serializeError(error.cause, depth + 1) } : {}),
  };
}

/** A thrown object says nothing but that it is one: its properties are not for logs. */
function textOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'an object that is no error was thrown' : String(value);
}
