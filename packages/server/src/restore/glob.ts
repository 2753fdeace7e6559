// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, textOf } from '@local-backup/common/byte-path';

/**
 * Globs with the meaning that restic gives them (Go's filepath.Match and `**`), so that what we select is what it
 * restores: `*` and `?` do not match `/`, `[a-z]` and `[^a-z]` are sets, `\` takes the meaning of the next character
 * away, `**` as a whole component matches any number of directories, none included. One byte that is not UTF-8 counts as
 * one character.
 */
export interface Glob {
  /** As it was given, without needless slashes; relative, as a restore has to be told. */
  readonly text: string;
  /** True for what the glob matches from the top of the tree on, and for everything below it. */
  readonly covers: (path: BytePath) => boolean;
  /** True where the glob matches the end of the path, so a file's name is enough; all of it if the glob begins with `/`. */
  readonly matchesEnd: (path: string) => boolean;
}

type Part = RegExp | '**';

/** @returns a complaint that goes on from the glob: `has no end of its [`; where it is one */
export function parseGlob(text: string): Glob | { readonly complaint: string } {
  const names = text.split('/').filter((name) => name !== '' && name !== '.');
  if (names.length === 0) return { complaint: 'names nothing' };
  if (names.includes('..')) return { complaint: 'goes upwards with `..`' };
  const parts: Part[] = [];
  for (const name of names) {
    const part = name === '**' ? name : partOf(name);
    if (typeof part === 'string' && part !== '**') return { complaint: part };
    parts.push(part as Part);
  }
  return {
    text: names.join('/'),
    covers: (path) => begins(parts, charactersOf(path).split('/')),
    matchesEnd: (path) => {
      const found = path.split('/');
      return found.some((_, start) => (start === 0 || !text.startsWith('/')) && fits(parts, found.slice(start)));
    },
  };
}

/** A glob that stands for exactly this text. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&');
}

/** True where the parts match the names up to some point: what lies below a match belongs to it. */
function begins(parts: readonly Part[], names: readonly string[]): boolean {
  const [part, ...rest] = parts;
  if (part === undefined) return true;
  const [name, ...below] = names;
  if (part === '**') return begins(rest, names) || (name !== undefined && begins(parts, below));
  return name !== undefined && part.test(name) && begins(rest, below);
}

/** True where the parts match all of the names. */
function fits(parts: readonly Part[], names: readonly string[]): boolean {
  const [part, ...rest] = parts;
  const [name, ...below] = names;
  if (part === undefined) return name === undefined;
  if (part === '**') return fits(rest, names) || (name !== undefined && fits(parts, below));
  return name !== undefined && part.test(name) && fits(rest, below);
}

const TOKEN = /\\(?<escaped>.)|\[(?<set>\^?(?:\\.|[^\]\\])+)\]|(?<wild>\*+|\?)|(?<plain>[^\\[*?])/suy;

/** @returns a complaint where the name is no glob */
function partOf(name: string): RegExp | string {
  let source = '';
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < name.length) {
    const { lastIndex } = TOKEN;
    const groups = TOKEN.exec(name)?.groups;
    if (groups === undefined) {
      TOKEN.lastIndex = 0;
      return name[lastIndex] === '[' ? 'has a `[` without its `]` (write `\\[` for the character)' : 'ends in `\\`';
    }
    const piece = sourceOf(groups);
    if (piece === undefined) return `has a set that cannot be read: [${groups.set}]`;
    source += piece;
  }
  return new RegExp(`^${source}$`, 'su');
}

function sourceOf({ escaped, set, wild, plain }: Record<string, string | undefined>): string | undefined {
  if (set !== undefined) return setOf(set);
  if (wild !== undefined) return wild === '?' ? '.' : '.*';
  return literal(escaped ?? plain ?? '');
}

const RANGE = /(?:\\(?<one>.)|(?<plain>[^\\\]-]))(?:-(?:\\(?<last>.)|(?<end>[^\\\]-])))?/suy;

function setOf(set: string): string | undefined {
  const negated = set.startsWith('^');
  let source = '';
  RANGE.lastIndex = negated ? 1 : 0;
  while (RANGE.lastIndex < set.length) {
    const range = rangeOf(RANGE.exec(set)?.groups);
    if (range === undefined) return undefined;
    source += range;
  }
  return source === '' ? undefined : `[${negated ? '^' : ''}${source}]`;
}

/** @returns undefined where there is none, or one backwards: in Go it matches nothing, here it is an error */
function rangeOf(groups: Record<string, string | undefined> | undefined): string | undefined {
  const first = groups?.one ?? groups?.plain;
  if (first === undefined) return undefined;
  const last = groups?.last ?? groups?.end ?? first;
  return codeOf(first) > codeOf(last) ? undefined : `${literal(first)}-${literal(last)}`;
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function literal(character: string): string {
  return `\\u{${codeOf(character).toString(16)}}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: every byte of a name counts
const ASCII = /^[\x00-\x7f]*$/;

/** The sequences of bytes that are one character, and else single bytes. */
const CHARACTER =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: every byte of a name counts
  /[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|./gs;

/** Text in which a byte that belongs to no character is one character, U+FFFD as in Go. */
function charactersOf(path: BytePath): string {
  if (ASCII.test(path)) return path;
  return path.replace(CHARACTER, (bytes) => textOf(bytes as BytePath) ?? '\ufffd');
}
