// SPDX-License-Identifier: AGPL-3.0-or-later

/** The value of an assignment in shell syntax, or what in it is not understood. Columns count from 0. */
export type ShellWord =
  | { readonly ok: true; readonly text: string; readonly end: number }
  | { readonly ok: false; readonly at: number; readonly message: string };

interface Scan {
  readonly line: string;
  readonly lookup: (name: string) => string | undefined;
  at: number;
  problem: { readonly at: number; readonly message: string } | undefined;
}

/** What ends the piece that is being read: a blank (or the end of the line), a double quote, a brace. */
type End = 'blank' | '"' | '}';

const NAME = /^[A-Za-z_]\w*/;
const BRACED = /^\{([A-Za-z_]\w*)(:?-|(?=\}))/;
const UNDERSTOOD = `only \`$X\`, \`\${X}\`, \`\${X:-default}\` and \`\${X-default}\` are understood`;

/**
 * Reads the word that begins at `start` of a line: quotes, backslashes and references to variables as a shell would.
 * Nothing is ever executed; whatever would run a command is refused.
 */
export function readShellWord(line: string, start: number, lookup: Scan['lookup']): ShellWord {
  const scan: Scan = { line, lookup, at: start, problem: undefined };
  if (line[start] === '~') fail(scan, '`~` is not replaced by a home directory here; write the path out');
  const text = readPiece(scan, 'blank', false);
  return scan.problem === undefined ? { ok: true, text, end: scan.at } : { ok: false, ...scan.problem };
}

function readPiece(scan: Scan, end: End, quoted: boolean): string {
  let text = '';
  while (scan.problem === undefined && scan.at < scan.line.length) {
    const character = scan.line.charAt(scan.at);
    if (character === end || (end === 'blank' && /\s/.test(character))) return text;
    text += readNext(scan, character, end, quoted);
  }
  if (end !== 'blank') fail(scan, end === '"' ? 'the double quote is not closed on this line' : '`${` is not closed');
  return text;
}

function readNext(scan: Scan, character: string, end: End, quoted: boolean): string {
  switch (character) {
    case '\\':
      return readEscape(scan, quoted);
    case '$':
      return readReference(scan, quoted);
    case '`':
      return fail(scan, 'a command in backticks is not run here; write its result');
    case '"':
      return readQuoted(scan);
    case "'":
      return quoted ? take(scan, 1) : readLiteral(scan);
    default:
      if (end === 'blank' && /[;|&<>()]/.test(character)) {
        return fail(scan, `\`${character}\` is shell syntax that is not understood here; put the value in quotes`);
      }
      return take(scan, 1);
  }
}

function readEscape(scan: Scan, quoted: boolean): string {
  const next = scan.line.charAt(scan.at + 1);
  if (next === '') return fail(scan, 'a value that goes on in the next line is not understood');
  const pair = take(scan, 2);
  return quoted && !/[$`"\\]/.test(next) ? pair : next;
}

function readQuoted(scan: Scan): string {
  scan.at += 1;
  const text = readPiece(scan, '"', true);
  scan.at += 1;
  return text;
}

function readLiteral(scan: Scan): string {
  const close = scan.line.indexOf("'", scan.at + 1);
  if (close === -1) return fail(scan, 'the single quote is not closed on this line');
  return take(scan, close - scan.at + 1).slice(1, -1);
}

function readReference(scan: Scan, quoted: boolean): string {
  const start = scan.at;
  scan.at += 1;
  const rest = scan.line.slice(scan.at);
  if (rest.startsWith('(')) return fail(scan, 'a command in `$(...)` is not run here; write its result', start);
  if (rest.startsWith('{')) return readBraced(scan, start, quoted);
  const name = NAME.exec(rest)?.[0];
  if (name !== undefined) {
    scan.at += name.length;
    return scan.lookup(name) ?? notSet(scan, start, name);
  }
  return rest === '' || /^[\s"]/.test(rest) ? '$' : fail(scan, UNDERSTOOD, start);
}

function readBraced(scan: Scan, start: number, quoted: boolean): string {
  const [all = '', name = '', operator = ''] = BRACED.exec(scan.line.slice(scan.at)) ?? [];
  if (name === '') return fail(scan, UNDERSTOOD, start);
  scan.at += all.length;
  const fallback = operator === '' ? undefined : readPiece(scan, '}', quoted);
  scan.at += 1;
  const value = scan.lookup(name);
  const usable = value !== undefined && (operator !== ':-' || value !== '');
  return usable ? value : (fallback ?? notSet(scan, start, name));
}

function notSet(scan: Scan, at: number, name: string): string {
  return fail(scan, `\`${name}\` is set neither above nor in the environment; \`\${${name}:-}\` allows that`, at);
}

function take(scan: Scan, count: number): string {
  const text = scan.line.slice(scan.at, scan.at + count);
  scan.at += count;
  return text;
}

function fail(scan: Scan, message: string, at: number = scan.at): string {
  scan.problem ??= { at: Math.min(at, scan.line.length), message };
  return '';
}
