// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';

/** Widest line of mails and terminal reports, in columns. */
export const TEXT_WIDTH = 100;

/** A host may have a name that leaves no room: then lines are wider. */
const LEAST_WIDTH = 20;

/**
 * Breaks a message into lines of at most {@link TEXT_WIDTH} columns, each indented, so that no message can pass for a
 * heading. Line breaks in the message are kept; a word that is too long for a line is cut.
 */
export function paragraph(message: string, indent: string): readonly string[] {
  const width = Math.max(LEAST_WIDTH, TEXT_WIDTH - indent.length);
  return message
    .trim()
    .split(/\r?\n/)
    .flatMap((line) => wrap(showControls(line), width))
    .map((line) => `${indent}${line}`.trimEnd());
}

/** Text that starts with `first` and goes on, when it has to be broken, under its own beginning. */
export function labelled(first: string, message: string): readonly string[] {
  const lines = paragraph(message, ' '.repeat(first.length));
  return lines.map((line, index) => (index === 0 ? `${first}${line.slice(first.length)}` : line));
}

function wrap(line: string, width: number): readonly string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(' ').flatMap((text) => cut(text, width))) {
    if (current !== '' && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, current];
}

function cut(word: string, width: number): readonly string[] {
  const parts: string[] = [];
  for (let start = 0; start < word.length; start += width) parts.push(word.slice(start, start + width));
  return parts;
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d 6 h`: the two largest units. */
export function humanDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return twoUnits(whole, 60, ['min', 's']);
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return twoUnits(minutes, 60, ['h', 'min']);
  return twoUnits(Math.round(seconds / 3600), 24, ['d', 'h']);
}

/** How long a run took; one that was killed has no end. */
export function tookText({
  started,
  ended,
}: {
  readonly started: string;
  readonly ended?: string | undefined;
}): string {
  if (ended === undefined) return '- (under way, or killed)';
  // The clock may have been set back meanwhile.
  return humanDuration(Math.max(0, Date.parse(ended) - Date.parse(started)));
}

function twoUnits(amount: number, size: number, [large, small]: readonly [string, string]): string {
  const rest = amount % size;
  return `${Math.floor(amount / size)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`;
}

/** `18,211`. */
export function formatCount(count: number): string {
  return count.toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `2026-11-21 04:00:00 UTC` of an ISO time. */
export function formatTime(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}

/** Rows in columns that are as wide as their widest cell, two blanks apart; the last column is as long as it likes. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
