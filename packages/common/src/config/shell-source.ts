// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Complaint, Position } from './complaint.ts';
import { readShellWord } from './shell-word.ts';
import type { ConfigSource } from './source.ts';

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_]\w*)=/;

/**
 * The original's file ends with a block that only runs when somebody executes the file instead of sourcing it, and with
 * `return 0`. Both say nothing about settings.
 */
const EXECUTED_GUARD = /^\s*if \[\[? "?\$\{?BASH_SOURCE(?:\[0\])?\}?"? ==? "?\$\{?0\}?"? \]\]?;\s*then\s*$/;
const GUARD_END = /^\s*fi\s*$/;
const RETURN = /^\s*return(?:\s+0)?\s*(?:#.*)?$/;
const IGNORED = /^\s*(?:#.*)?$/;

interface Assignment {
  readonly value: string;
  readonly key: Position;
  readonly text: Position;
}

interface Reading {
  readonly assignments: Map<string, Assignment>;
  readonly complaints: Complaint[];
}

/**
 * Reads `KEY="value"` lines in shell syntax: quotes, `export`, comments, `$X`, `${X:-default}`. Nothing is executed;
 * everything else is a complaint. Later lines win.
 * @param environment looked up for names that no earlier line has set
 */
export function readShellAssignments(
  text: string,
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): ConfigSource {
  const reading: Reading = { assignments: new Map(), complaints: [] };
  const lookup = (name: string) => reading.assignments.get(name)?.value ?? environment[name];
  const lines = text.split(/\r?\n/);
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? '';
    if (RETURN.test(line)) break;
    if (EXECUTED_GUARD.test(line)) index = endOfGuard(lines, index);
    else if (!IGNORED.test(line)) readAssignment(reading, { file, line, number: index + 1 }, lookup);
  }
  const { assignments, complaints } = reading;
  return {
    file,
    value: Object.fromEntries([...assignments].map(([key, { value }]) => [key, value])),
    locate: ([key], part) => assignments.get(String(key))?.[part === 'key' ? 'key' : 'text'] ?? { line: 1, column: 1 },
    complaints,
  };
}

function readAssignment(
  { assignments, complaints }: Reading,
  { file, line, number }: { readonly file: string; readonly line: string; readonly number: number },
  lookup: (name: string) => string | undefined,
): void {
  const complain = (at: number, message: string, path: readonly string[] = []) =>
    complaints.push({ file, line: number, column: at + 1, path, message });
  const [start = '', key] = ASSIGNMENT.exec(line) ?? [];
  if (key === undefined) {
    complain(line.search(/\S/), 'only lines of the form KEY="value" are understood; nothing is executed here');
    return;
  }
  const word = readShellWord(line, start.length, lookup);
  if (!word.ok) {
    complain(word.at, word.message, [key]);
  } else if (!/^(?:\s+#.*|\s*)$/.test(line.slice(word.end))) {
    const at = word.end + line.slice(word.end).search(/\S/);
    complain(at, 'something follows the value; put values with blanks in quotes, one assignment per line', [key]);
  } else {
    const column = line.indexOf(key) + 1;
    const text = { line: number, column: start.length + 1 };
    assignments.set(key, { value: word.text, key: { line: number, column }, text });
  }
}

/** Index of the block's last line; without one, the block goes on to the end of the file. */
function endOfGuard(lines: readonly string[], start: number): number {
  const length = lines.slice(start).findIndex((line) => GUARD_END.test(line));
  return length === -1 ? lines.length : start + length;
}
