// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { yamlProblem } from '@local-backup/common/yaml-problem';

/**
 * What is wrong with texts in a known format; undefined: nothing. Pure. Parsers quote what they stumble over: that stays
 * out of what is told, for it may be a password, and reports are sent by mail.
 */

export function jsonProblem(text: string): string | undefined {
  const problem = parseProblem(text);
  if (problem === undefined || parseProblem(withoutExtras(text)) === undefined) return undefined;
  return `is no JSON: ${problem}`;
}

function parseProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return (
      /^Unexpected token '.{1,2}'|^[^"]+/su.exec(firstLine(error))?.[0].trimEnd() ?? 'it begins with something else'
    );
  }
}

/**
 * Configurations of editors and compilers have comments and commas too many; they are as they should be. In one pass:
 * what a client can make up must not take time with the square of its length.
 */
function withoutExtras(text: string): string {
  const parts: string[] = [];
  let comma = false;
  for (let at = 0; at < text.length; ) {
    const end = endOfToken(text, at);
    const token = text.slice(at, end);
    at = end;
    if (isComment(token) || token.trim() === '') continue;
    // A comma counts once it is known what follows.
    if (comma && token !== '}' && token !== ']') parts.push(',');
    comma = token === ',';
    if (!comma) parts.push(token);
  }
  return parts.join('');
}

function isComment(token: string): boolean {
  return token.startsWith('//') || token.startsWith('/*');
}

/** Where the string, the comment, the word or the sign that begins at `at` is over. */
function endOfToken(text: string, at: number): number {
  if (text[at] === '"') return endOfString(text, at);
  const ending = COMMENTS[text.slice(at, at + 2)];
  if (ending !== undefined) return endAfter(text, ending, at + 2);
  WORD.lastIndex = at;
  return WORD.test(text) ? WORD.lastIndex : at + 1;
}

const COMMENTS: Readonly<Record<string, string>> = { '//': '\n', '/*': '*/' };
const WORD = /[\w.+-]+|\s+/y;

function endAfter(text: string, ending: string, from: number): number {
  const found = text.indexOf(ending, from);
  return found < 0 ? text.length : found + ending.length;
}

function endOfString(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return Math.min(end + 1, text.length);
}

/** Templates, which become YAML only once they are filled in, are let pass. */
export function yamlTextProblem(text: string): string | undefined {
  if (/\{\{|\{%|<%/.test(text)) return undefined;
  const problem = yamlProblem(text);
  return problem === undefined ? undefined : `is no YAML: ${firstLine(problem).split(': ', 1)[0]}`;
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return showControls((message.split('\n', 1)[0] ?? '').slice(0, 200));
}
