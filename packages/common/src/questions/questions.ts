// SPDX-License-Identifier: AGPL-3.0-or-later
import { LineQuestions } from './line-questions.ts';
import { RichQuestions } from './rich-questions.ts';
import { terminalInput } from './terminal-input.ts';

/** One of the things to choose from. */
export interface Choice<Value extends string> {
  readonly value: Value;
  /** One line; what does not fit into the terminal is cut off. */
  readonly label: string;
}

/** Lists to choose from with the cursor keys. */
export interface Menus {
  /** Any of them, all at first. @returns undefined when the terminal was closed */
  readonly many: <Value extends string>(
    question: string,
    choices: readonly Choice<Value>[],
  ) => Promise<readonly Value[] | undefined>;
  /** One of them, the first at first. @returns undefined when the terminal was closed */
  readonly one: <Value extends string>(
    question: string,
    choices: readonly Choice<Value>[],
  ) => Promise<Value | undefined>;
}

/**
 * Questions to whoever sits at the terminal, one after the other. What is typed ahead answers the questions in their
 * order. Ctrl-C is SIGINT, as anywhere; Ctrl-D closes the terminal. All of them throw what the signal was aborted with.
 */
export interface Questions {
  /** True for `y` and `yes` alone; no answer, and a closed terminal, is no. */
  readonly confirm: (question: string) => Promise<boolean>;
  /** @param usual what no answer means @returns without blanks around it; undefined when the terminal was closed */
  readonly text: (question: string, usual?: string) => Promise<string | undefined>;
  /** Does not show what is typed. @returns undefined when the terminal was closed */
  readonly secret: (question: string) => Promise<string | undefined>;
  /** Missing where a terminal can do nothing but show lines. */
  readonly menus?: Menus;
}

/** Narrower or lower than this, nothing but lines can be read. In characters. */
const SMALLEST = { columns: 40, rows: 10 };

/** Whether somebody sits there who reads and types. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/**
 * Asks on a terminal that there is: its standard input; shown on standard output, or on standard error where the former is
 * no terminal.
 */
export function openQuestions(signal: AbortSignal): Questions {
  const output = process.stdout.isTTY === true ? process.stdout : process.stderr;
  // A terminal that was hung up: whoever reads from it is told.
  if (output.listenerCount('error') === 0) output.on('error', () => undefined);
  const { TERM = 'dumb' } = process.env;
  // A serial line says 0: its size is not known, and lines cannot be drawn again.
  const { columns = 0, rows = 0 } = output;
  const isRich = TERM !== 'dumb' && TERM !== '' && columns >= SMALLEST.columns && rows >= SMALLEST.rows;
  const io = { input: terminalInput(), output, signal };
  return isRich ? new RichQuestions(io) : new LineQuestions(io);
}
