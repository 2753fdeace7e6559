// SPDX-License-Identifier: AGPL-3.0-or-later

/*
 * Follows an SQL dump byte by byte as psql would, so that rows are told from statements: a function's body, a comment or
 * a value may hold anything, also what looks like the start of a table's rows.
 */

/** What the bytes that come next belong to. */
export type Mode =
  | 'sql'
  | 'quoted'
  | 'escaped'
  | 'name'
  | 'dollar'
  | 'line-comment'
  | 'block-comment'
  | 'meta'
  | 'copy'
  | 'rows';

/** What was met on the way. */
export interface DumpEvents {
  /** `COPY public.orders (id) FROM stdin` begins; bytes in the encoding of the dump, as latin1. */
  readonly copy: (statement: string) => void;
  /** So many rows of that table have gone by. */
  readonly rows: (count: number) => void;
  /** A command for psql itself: `\restrict abc`. */
  readonly meta: (command: string) => void;
}

/** Where the lexer stands. */
export interface State {
  readonly events: DumpEvents;
  mode: Mode;
  /** The statement so far while it may still be a COPY, as latin1. */
  statement: string;
  kept: boolean;
  /** The identifier that ends here, its first two bytes. */
  word: string;
  /** `$tag$` that ends the text. */
  tag: string;
  depth: number;
  /** The line of a row has begun in bytes that are gone. */
  midLine: boolean;
}

/** A tag has at most 63 bytes; comments, quotes and `\.` need less. */
export const LOOK_AHEAD = 130;

/** A statement with 1600 columns of 63 bytes, quoted, is shorter. */
const LONGEST_COPY = 512 * 1024;

/** A command for psql that is longer is none of pg_dump's. */
export const LONGEST_META = 4096;

/** Consumes bytes from `at`, returns where it stopped; no progress means that more bytes are needed. */
export type Reader = (state: State, bytes: Buffer, at: number, last: boolean) => number;

/** Bytes that mean something. */
export const BYTE = {
  NEWLINE: 0x0a,
  QUOTE: 0x27,
  DOUBLE: 0x22,
  DOLLAR: 0x24,
  SEMICOLON: 0x3b,
  BACKSLASH: 0x5c,
  DASH: 0x2d,
  SLASH: 0x2f,
  STAR: 0x2a,
  DOT: 0x2e,
} as const;

/** Goes on as something else, here. */
export function become(state: State, mode: Mode, at: number): number {
  state.mode = mode;
  state.word = '';
  return at;
}

/** The same behind a quote, which belongs to the statement. */
export function enter(state: State, mode: Mode, bytes: Buffer, at: number): number {
  keep(state, bytes, at, at + 1);
  return become(state, mode, at + 1);
}

/** Remembers a piece of a statement that may be a COPY. */
export function keep(state: State, bytes: Buffer, from: number, to: number): void {
  if (!state.kept || from === to) return;
  const piece = bytes.toString('latin1', from, to);
  state.statement = state.statement === '' ? piece.trimStart() : state.statement + piece;
  const start = state.statement.slice(0, 5).toUpperCase();
  if (state.statement.length <= LONGEST_COPY && 'COPY '.startsWith(start)) return;
  state.kept = false;
}
