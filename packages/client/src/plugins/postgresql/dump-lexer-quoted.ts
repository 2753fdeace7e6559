// SPDX-License-Identifier: AGPL-3.0-or-later
import { BYTE, become, keep, type Reader, type State } from './dump-lexer-state.ts';

/** Text in quotes that are doubled inside. */
export const quotedBy =
  (quote: number): Reader =>
  (state, bytes, from, last) => {
    const at = bytes.indexOf(quote, from);
    if (at < 0) {
      keep(state, bytes, from, bytes.length);
      return bytes.length;
    }
    if (at + 1 >= bytes.length && !last) return hold(state, bytes, from, at);
    const isDoubled = bytes[at + 1] === quote;
    keep(state, bytes, from, at + (isDoubled ? 2 : 1));
    return isDoubled ? at + 2 : become(state, 'sql', at + 1);
  };

/** Consumes what stands before a byte that cannot be judged yet. */
function hold(state: State, bytes: Buffer, from: number, at: number): number {
  keep(state, bytes, from, at);
  return at;
}

/** `E'...'`, where a backslash takes the next byte with it. No COPY holds one. */
export const readEscaped: Reader = (state, bytes, from, last) => {
  state.kept = false;
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte !== BYTE.QUOTE && byte !== BYTE.BACKSLASH) continue;
    if (at + 1 >= bytes.length && !last) return at;
    if (byte === BYTE.QUOTE && bytes[at + 1] !== BYTE.QUOTE) return become(state, 'sql', at + 1);
    at += 1;
  }
  return bytes.length;
};

/** `$tag$ ... $tag$`: no COPY holds one either. */
export const readDollar: Reader = (state, bytes, from) => {
  state.kept = false;
  const at = bytes.indexOf(state.tag, from, 'latin1');
  if (at >= 0) return become(state, 'sql', at + state.tag.length);
  return Math.max(from, bytes.length - state.tag.length + 1);
};

/** `-- ...` */
export const readLineComment: Reader = (state, bytes, from) => {
  const at = bytes.indexOf(BYTE.NEWLINE, from);
  return at < 0 ? bytes.length : become(state, 'sql', at);
};

/** Comments in `/* *\/` nest. */
export const readBlockComment: Reader = (state, bytes, from, last) => {
  let at = from;
  while (at < bytes.length && (last || at + 1 < bytes.length)) {
    const pair = bytes.toString('latin1', at, at + 2);
    if (pair === '/*') state.depth += 1;
    if (pair === '*/') state.depth -= 1;
    at += pair === '/*' || pair === '*/' ? 2 : 1;
    if (state.depth === 0) return become(state, 'sql', at);
  }
  return at;
};
