// SPDX-License-Identifier: AGPL-3.0-or-later
import { has, type ResticVersion } from './version.ts';

/** Success, and for `restic backup`: a snapshot was made, but not all could be read. */
export const EXIT = { success: 0, incomplete: 3 } as const;

/** Exit codes that say something about the repository; every other one is a fault of restic itself (2: it crashed). */
export const KNOWN_EXIT_CODES: readonly number[] = [0, 1, 3, 10, 11, 12];

/** Why a command failed; `other` where restic gives no reason that we know. */
export type Failure =
  | 'missing'
  | 'wrong-password'
  | 'locked'
  | 'damaged'
  | 'full'
  | 'unreachable'
  | 'refused'
  | 'other';

const BY_EXIT_CODE: ReadonlyMap<number, Failure> = new Map([
  [10, 'missing'],
  [11, 'locked'],
  [12, 'wrong-password'],
]);

interface KnownText {
  readonly failure: Failure;
  readonly text: RegExp;
  /** Only read before version 0.17.1, where the exit code does not tell it. */
  readonly onlyWithoutExitCode?: true;
}

/**
 * What restic writes on standard error, captured from 0.14.0 and 0.18.0 (see the tests). The first that fits counts: an
 * unreachable repository is also reported as one whose "config file cannot be opened", and must never pass as missing.
 */
const KNOWN_TEXTS: readonly KnownText[] = [
  // A check that went through everything and found files that a dying disk does not give back any more.
  { failure: 'damaged', text: /input\/output error[\s\S]*^Fatal: repository contains errors/m },
  {
    failure: 'unreachable',
    text: /connection refused|no route to host|network is unreachable|no such host|i\/o timeout|connection reset|unable to start the sftp session|permission denied|input\/output error|read-only file system|transport endpoint is not connected|stale (NFS )?file handle/i,
  },
  {
    failure: 'refused',
    text: /unexpected HTTP response \(40[13]\)|Access Denied|InvalidAccessKeyId|SignatureDoesNotMatch|AuthenticationFailed/,
  },
  { failure: 'full', text: /no space left on device|disk quota exceeded/i },
  {
    failure: 'missing',
    text: /^Fatal: unable to open config file: .*(no such file or directory|does not exist|not found)/m,
    onlyWithoutExitCode: true,
  },
  { failure: 'wrong-password', text: /^Fatal: wrong password or no key found/m, onlyWithoutExitCode: true },
  { failure: 'locked', text: /repository is already locked( exclusively)? by/, onlyWithoutExitCode: true },
  {
    failure: 'damaged',
    text: /config cannot be loaded|ciphertext (too short|too small|verification failed)|invalid data returned|Unmarshal: |could not load index|not found in index|failed to load (blob|pack)|repository contains errors|LoadIndex returned errors|packs from index missing in repo|returned error, retrying.*no such file/i,
  },
];

/**
 * The only place where restic's prose is read, and for what has an exit code only in versions that do not use it yet.
 *
 * @param text standard error without the messages about single items
 */
export function classifyFailure(version: ResticVersion, exitCode: number, text: string): Failure {
  const byCode = BY_EXIT_CODE.get(exitCode);
  if (byCode !== undefined) return byCode;
  const byText = KNOWN_TEXTS.filter((known) => !(known.onlyWithoutExitCode && has(version, 'exitCodes')));
  return byText.find((known) => known.text.test(text))?.failure ?? 'other';
}

/** Why restic was trying again when it had to be ended: only a reason outside of itself, undefined where it names none. */
export function reasonIn(text: string): Extract<Failure, 'full' | 'unreachable'> | undefined {
  const failures = KNOWN_TEXTS.filter((known) => known.text.test(text)).map(({ failure }) => failure);
  // A disk that is full is often told beside a lock or a connection that was lost for it.
  return (['full', 'unreachable'] as const).find((reason) => failures.includes(reason));
}
