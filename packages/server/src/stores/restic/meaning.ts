// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError, type ErrorCode } from '@local-backup/common/errors';
import type { Failure } from './exit-codes.ts';

export interface FailureContext {
  readonly host: string;
  /** Without credentials. */
  readonly repository: string;
  /** Where the password comes from, for people: a file's path or "the password command". */
  readonly password: string;
  /** The command, for example `backup`. */
  readonly verb: string;
  /** Undefined where it was ended before it could give one. */
  readonly exitCode: number | undefined;
  /** What restic wrote for people. */
  readonly text: string;
}

/** How much of restic's own words goes into a message. */
const QUOTED_LINES = 6;

/** The error for an operator: what happened, why, and what to do next. */
export function resticError(failure: Failure, context: FailureContext, options?: ErrorOptions): BackupError {
  const explained = EXPLANATION[failure](context);
  return new BackupError(CODE[failure] ?? 'failed', `${explained}${quote(context.text)}`, options);
}

const CODE: Partial<Record<Failure, ErrorCode>> = { locked: 'locked' };

const EXPLANATION: Record<Failure, (context: FailureContext) => string> = {
  missing: ({ repository, host }) =>
    `There is no restic repository at ${repository}. A run never creates one, because an unmounted disk looks just like ` +
    `this: first see whether everything is mounted. Only for a new host: "backup-server init ${host}" creates the ` +
    'repository (it runs restic init).',
  'wrong-password': ({ repository, password }) =>
    `The password from ${password} does not open the restic repository at ${repository}. Nothing was changed. Find out ` +
    'which of the two is not the right one; an older copy of the password still works if nobody removed its key.',
  locked: ({ repository, password }) =>
    `The restic repository at ${repository} is locked by another restic command, named below. Wait until it has ended. ` +
    'Only if that process does not exist any more, remove the lock that it left: ' +
    `restic -r ${repository} unlock (password: ${password}).`,
  damaged: ({ repository }) =>
    `The restic repository at ${repository} is damaged. Nothing was changed. Copy it before you try anything, then see ` +
    `what "restic -r ${repository} check" finds; restic's manual, chapter "Troubleshooting", tells how to repair it.`,
  full: ({ repository }) =>
    `No space left for the restic repository at ${repository} (or for its cache or temporary files). What was stored ` +
    'before is intact. Make room, then run again: it goes on where it stopped.',
  unreachable: ({ repository, verb }) =>
    `restic ${verb} could not reach or read the repository at ${repository}. ${whatToLookAt(repository)}`,
  refused: ({ repository }) =>
    `The server of the repository at ${repository} does not let restic in, see below. Is the login right that it is given ` +
    '(in the location, environment_file or environment_credential), and may it reach this repository?',
  other: ({ repository, verb, exitCode }) =>
    `restic ${verb} failed with exit code ${exitCode} on the repository at ${repository}.`,
};

function whatToLookAt(repository: string): string {
  if (repository.startsWith('/')) return 'Is its disk mounted and well?';
  if (!repository.startsWith('sftp:')) return 'Is the other machine up, and the way to it?';
  return 'Is the other machine up? Does ssh let root of this server in without a question (key, known_hosts)?';
}

/** Of a longer line the middle is left out: what it is about comes first, why comes last. */
const LINE_CHARACTERS = 300;

/** Lines of a stack trace, as Go prints one below some errors. */
const STACK = /^\S+\.go:\d+|^(?:main|runtime|github\.com|golang\.org|internal)[./]\S+$/;

function quote(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '' && !STACK.test(line.trim()));
  const quoted = lines.slice(-QUOTED_LINES).map((line) => `\n  ${shortened(showControls(line))}`);
  return quoted.join('');
}

function shortened(line: string): string {
  if (line.length <= LINE_CHARACTERS) return line;
  const half = LINE_CHARACTERS / 2;
  return `${line.slice(0, half)} ... ${line.slice(-half)}`;
}
