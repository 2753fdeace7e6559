// SPDX-License-Identifier: AGPL-3.0-or-later
import { quotedBy, readBlockComment, readDollar, readEscaped, readLineComment } from './dump-lexer-quoted.ts';
import {
  BYTE,
  become,
  type DumpEvents,
  enter,
  keep,
  LONGEST_META,
  LOOK_AHEAD,
  type Mode,
  type Reader,
  type State,
} from './dump-lexer-state.ts';

/** Takes the chunks of a dump. */
export interface DumpLexer {
  readonly push: (chunk: Buffer) => void;
  /** @returns whether the dump ended between two statements */
  readonly end: () => boolean;
}

/** @see DumpEvents */
export function createDumpLexer(events: DumpEvents): DumpLexer {
  const state: State = { events, mode: 'sql', statement: '', kept: true, word: '', tag: '', depth: 0, midLine: false };
  let rest: Buffer = Buffer.alloc(0);
  const advance = (bytes: Buffer, last: boolean) => {
    let at = 0;
    for (;;) {
      const { mode } = state;
      const next = READERS[mode](state, bytes, at, last);
      if (next === at && mode === state.mode) break;
      at = next;
    }
    rest = bytes.subarray(at);
  };
  return {
    push: (chunk) => advance(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]), false),
    end: () => {
      advance(rest, true);
      return state.mode === 'sql' && state.statement === '';
    },
  };
}

const readSql: Reader = (state, bytes, from, last) => {
  let at = from;
  while (at < bytes.length && (last || bytes.length - at > LOOK_AHEAD)) {
    const byte = bytes[at] ?? 0;
    const special = SPECIAL[byte] === 1 ? OPENERS.get(byte)?.(state, bytes, at) : undefined;
    if (special !== undefined) return special;
    if (state.kept) keep(state, bytes, at, at + 1);
    followWord(state, byte);
    at += 1;
  }
  return at;
};

function followWord(state: State, byte: number): void {
  if (WORD[byte] !== 1) state.word = '';
  else if (state.word.length < 2) state.word += String.fromCharCode(byte);
}

/** What ends plain SQL; undefined where the byte means nothing special there. */
type Opener = (state: State, bytes: Buffer, at: number) => number | undefined;

const OPENERS: ReadonlyMap<number, Opener> = new Map<number, Opener>([
  [BYTE.QUOTE, (state, bytes, at) => enter(state, state.word.toLowerCase() === 'e' ? 'escaped' : 'quoted', bytes, at)],
  [BYTE.DOUBLE, (state, bytes, at) => enter(state, 'name', bytes, at)],
  [BYTE.DASH, (state, bytes, at) => (bytes[at + 1] === BYTE.DASH ? become(state, 'line-comment', at) : undefined)],
  [BYTE.SLASH, (state, bytes, at) => (bytes[at + 1] === BYTE.STAR ? become(state, 'block-comment', at) : undefined)],
  [BYTE.BACKSLASH, (state, _, at) => become(state, 'meta', at)],
  [BYTE.DOLLAR, openDollar],
  [BYTE.SEMICOLON, endStatement],
]);

function openDollar(state: State, bytes: Buffer, at: number): number | undefined {
  if (state.word !== '') return undefined;
  const tag = /^\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$/.exec(
    bytes.toString('latin1', at, at + LOOK_AHEAD),
  )?.[0];
  if (tag === undefined) return undefined;
  state.tag = tag;
  state.mode = 'dollar';
  return at + tag.length;
}

function endStatement(state: State, _: Buffer, at: number): number {
  const { statement, kept } = state;
  Object.assign(state, { statement: '', kept: true, word: '', midLine: false });
  if (!kept || !/\sFROM stdin$/i.test(statement)) return at + 1;
  state.events.copy(statement);
  return become(state, 'copy', at + 1);
}

const readMeta: Reader = (state, bytes, from, last) => {
  const at = bytes.indexOf(BYTE.NEWLINE, from);
  if (at < 0 && !last && bytes.length - from < LONGEST_META) return from;
  const end = at < 0 ? bytes.length : at;
  if (end === from) return from;
  state.events.meta(bytes.toString('latin1', from, Math.min(end, from + LONGEST_META)));
  return become(state, 'sql', end);
};

/** The rest of the line of the COPY statement. */
const readCopy: Reader = (state, bytes, from) => {
  const at = bytes.indexOf(BYTE.NEWLINE, from);
  return at < 0 ? bytes.length : become(state, 'rows', at + 1);
};

const readRows: Reader = (state, bytes, from, last) => {
  let at = from;
  let count = 0;
  for (;;) {
    const end = bytes.indexOf(BYTE.NEWLINE, at);
    if (end < 0) break;
    const isEnd = !state.midLine && end - at === 2 && bytes[at] === BYTE.BACKSLASH && bytes[at + 1] === BYTE.DOT;
    state.midLine = false;
    at = end + 1;
    if (isEnd) {
      state.events.rows(count);
      return become(state, 'sql', at);
    }
    count += 1;
  }
  state.events.rows(count);
  // Two bytes may be the `\.` at the end.
  if (!state.midLine && bytes.length - at <= 2 && !last) return at;
  state.midLine = state.midLine || at < bytes.length;
  return bytes.length;
};

const READERS: Readonly<Record<Mode, Reader>> = {
  sql: readSql,
  quoted: quotedBy(BYTE.QUOTE),
  name: quotedBy(BYTE.DOUBLE),
  escaped: readEscaped,
  dollar: readDollar,
  'line-comment': readLineComment,
  'block-comment': readBlockComment,
  meta: readMeta,
  copy: readCopy,
  rows: readRows,
};

/** Bytes that may end plain SQL: a look at this is all that most bytes cost. */
const SPECIAL = Uint8Array.from({ length: 256 }, (_, byte) => (OPENERS.has(byte) ? 1 : 0));

/** Bytes that a name can consist of, without quotes. */
const WORD = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x80 || /[A-Za-z0-9_$]/.test(String.fromCharCode(byte)) ? 1 : 0,
);
