// SPDX-License-Identifier: AGPL-3.0-or-later

interface Taken {
  readonly value: string;
  /** What comes after it. */
  readonly rest: string;
}

/**
 * The first line of what was typed; undefined while it is not whole. What stands before the end of the input is a line
 * too. Pure.
 */
export function takeLine(text: string, isClosed: boolean): Taken | undefined {
  const end = /\r\n|\r|\n/.exec(text);
  if (end !== null) return { value: text.slice(0, end.index), rest: text.slice(end.index + end[0].length) };
  return isClosed && text !== '' ? { value: text, rest: '' } : undefined;
}

/** CSI and SS3 sequences (ECMA-48, and what terminals send for function keys), or their beginning. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const SEQUENCE = /^\x1b(?:\[[\x20-\x3f]*[\x40-\x7e]|O[\x20-\x7e])/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const BEGINNING = /^\x1b(?:\[[\x20-\x3f]*|O)?$/;

/**
 * The first key of what was typed; undefined while it is not whole. The escape key alone is left out: it is easily hit, and
 * must answer nothing. Pure.
 */
export function takeKey(text: string, isClosed: boolean): Taken | undefined {
  if (text === '' || (BEGINNING.test(text) && !isClosed)) return undefined;
  const sequence = SEQUENCE.exec(text)?.[0];
  if (sequence !== undefined) return { value: sequence, rest: text.slice(sequence.length) };
  if (text.startsWith('\x1b')) return takeKey(text.slice(1), isClosed);
  const key = String.fromCodePoint(text.codePointAt(0) ?? 0);
  // What was typed before keys were asked for has the ends of lines.
  return { value: key === '\n' ? ENTER : key, rest: text.slice(key.length) };
}

/** What the Enter key sends. */
export const ENTER = '\r';

/** What the key sends that removes a character, on one terminal or another. */
export const BACKSPACES: readonly string[] = ['\x7f', '\b'];
