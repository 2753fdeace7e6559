// SPDX-License-Identifier: AGPL-3.0-or-later
import { posix } from 'node:path';
import * as z from 'zod';
import { HOSTNAME_PATTERN } from '../archive-name.ts';
import { BYTES_HELP, checkBytes, parseBytes } from '../bytes.ts';
import { checkDuration, DURATION_HELP, formatDuration, parseDuration } from '../duration.ts';

/*
 * The kinds of value that configuration files are made of. Messages say what is allowed, as `must ...`; the value that
 * was found is added by check.ts. `x-type` is the type's name in the reference documentation.
 */

/** The longest time that a timer of Node can wait (2^31 - 1 ms), rounded down. */
const LONGEST_TIMER = '24d';

const pathLike = (pattern: RegExp) =>
  z
    .string()
    .regex(pattern, 'must be an absolute path, starting with `/`')
    .transform((path) => path.replace(/(?!^)\/+$/, ''))
    .meta({ 'x-type': 'absolute path' });

/** A path from the root, as the kernel would take it, that fits on a line; slashes at its end are dropped. */
export const absolutePath = pathLike(/^\/[^\0\r\n]*$/);

/** The same for what is to be saved: names of files may hold line breaks. */
export const anyPath = pathLike(/^\/[^\0]*$/);

/**
 * Directories that belong to the system (Filesystem Hierarchy Standard 3.0): owner and mode of exactly these are not
 * ours to change. What lies below them may well be.
 */
const SYSTEM_DIRECTORIES: ReadonlySet<string> = new Set([
  '/',
  ...'bin boot dev etc home lib lib32 lib64 libx32 media mnt opt proc root run sbin srv sys tmp usr var'
    .split(' ')
    .map((name) => `/${name}`),
  ...'bin include lib lib32 lib64 libexec local sbin share src'.split(' ').map((name) => `/usr/${name}`),
  ...'backups cache lib local lock log mail opt run spool tmp www'.split(' ').map((name) => `/var/${name}`),
]);

/** True for `/`, `/etc`, `/var/lib` and the like, however they are written; false for what lies below them. */
export function isSystemDirectory(path: string): boolean {
  return SYSTEM_DIRECTORIES.has(posix.resolve('/', path));
}

/** A user or group of the system. Whether it exists is seen later. */
export const accountName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/, 'must be the name of an account: letters, digits, `_`, `.`, `-`')
  .meta({ 'x-type': 'account name' });

/**
 * Where mail goes. Hardly checked, for local parts and domains take many forms; but it must not read as an option of
 * the mail program.
 */
export const mailAddress = z
  .string()
  .regex(/^[^\s-]\S*$/, 'must be a mail address, without blanks')
  .meta({ 'x-type': 'mail address' });

/** Usual form of a mail address; anything else is worth a warning. */
export function isUsualMailAddress(address: string): boolean {
  return /^.+@.+\..+$/.test(address);
}

export const hostname = z
  .string()
  .regex(HOSTNAME_PATTERN, 'must be a host name: letters, digits, `.`, `-`, `_`, not beginning with `.` or `-`')
  .meta({ 'x-type': 'host name' });

export const port = z.int().min(1).max(65_535);

/** One line of text. */
export const line = z.string().regex(/^[^\0\r\n]*$/, 'must be a single line');

/** A program and its first arguments, separated by blanks: `docker compose`. Empty: the default. */
export const commandLine = line.meta({ 'x-type': 'command' });

/** The words of a {@link commandLine}; nothing is quoted, as in the original. */
export function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/** Milliseconds, from `90s`, `1h30m` or a number of seconds, within limits written the same way. */
export function duration({ min = '0s', max = LONGEST_TIMER }: { readonly min?: string; readonly max?: string } = {}) {
  return z
    .union([z.number(), z.string()], { error: `must be ${DURATION_HELP}` })
    .transform((value, context) => {
      const complaint = checkDuration(value) ?? outside(parseDuration(value), parseDuration(min), parseDuration(max));
      if (complaint === undefined) return parseDuration(value);
      context.addIssue({ code: 'custom', message: complaint });
      return z.NEVER;
    })
    .meta({ 'x-type': 'time' });
}

/** Bytes, from `500M`, `20GiB` or a number. */
export function size() {
  return z
    .union([z.number(), z.string()], { error: `must be ${BYTES_HELP}` })
    .transform((value, context) => {
      const complaint = checkBytes(value) ?? (parseBytes(value) === 0 ? 'must be more than 0' : undefined);
      if (complaint === undefined) return parseBytes(value);
      context.addIssue({ code: 'custom', message: complaint });
      return z.NEVER;
    })
    .meta({ 'x-type': 'size' });
}

/**
 * Parameters for `refine` of a rule over several keys of a section: the complaint is about `key`, and the rule is
 * applied also when other keys are wrong, so that all complaints come at once.
 */
export function ruleAbout(key: string, message: string) {
  const when = ({ value }: { readonly value: unknown }) => typeof value === 'object' && value !== null;
  return { path: [key], message, when };
}

function outside(value: number, min: number, max: number): string | undefined {
  if (value < min) return `must be at least ${formatDuration(min)}`;
  return value > max ? `must be at most ${formatDuration(max)}` : undefined;
}
