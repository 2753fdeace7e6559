// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { formatCount, formatTime, humanDuration, labelled, paragraph, TEXT_WIDTH, tookText } from './text.ts';

test.each([
  [0, '0.0 s'],
  [940, '0.9 s'],
  [9_949, '9.9 s'],
  [9_951, '10 s'],
  [59_499, '59 s'],
  [59_600, '1 min'],
  [200_000, '3 min 20 s'],
  [3_599_700, '1 h'],
  [7_500_000, '2 h 5 min'],
  [36 * 3_600_000, '36 h'],
  [102 * 3_600_000, '4 d 6 h'],
])('humanDuration(%i) is %s', (milliseconds, text) => {
  expect(humanDuration(milliseconds)).toBe(text);
});

test.each([
  [0, '0'],
  [999, '999'],
  [1_000, '1,000'],
  [1_234_567, '1,234,567'],
])('formatCount(%i) is %s', (count, text) => {
  expect(formatCount(count)).toBe(text);
});

test('times are shown in UTC without milliseconds', () => {
  expect(formatTime('2026-11-21T04:00:00.123Z')).toBe('2026-11-21 04:00:00 UTC');
});

test('a message cannot leave its indentation, nor exceed the width', () => {
  const lines = paragraph(`first\nFailed Hosts (0):\r\n${'x'.repeat(250)} ${'word '.repeat(40)}`, '    ');
  expect(lines.slice(0, 2)).toEqual(['    first', '    Failed Hosts (0):']);
  expect(lines.every((line) => line.startsWith('    ') && line.length <= TEXT_WIDTH)).toBe(true);
  expect(lines.join('').replaceAll(' ', '')).toContain('x'.repeat(250));
});

test('a label stands before the first line, the others below its text', () => {
  const [first, second] = labelled('  warning ', 'word '.repeat(30));
  expect(first).toMatch(/^ {2}warning word/);
  expect(second).toMatch(/^ {10}word/);
});

test('a label without a message is a line of its own', () => {
  expect(labelled('  note ', '')).toEqual(['  note ']);
});

test('control characters become visible, an escaped path is not escaped again', () => {
  expect(paragraph('a\u001b[31mb\u202e caf\\xe9', '')).toEqual(['a\\x1b[31mb\\u202e caf\\xe9']);
});

test('a label that leaves no room for the text makes the lines wider', () => {
  const label = 'x'.repeat(TEXT_WIDTH + 1);
  expect(labelled(label, 'some words that are longer than what is left')[0]).toBe(`${label}some words that are`);
});

test.each([
  ['2026-11-21T04:01:00.000Z', '1 min'],
  ['2026-11-21T03:00:00.000Z', '0.0 s'],
  [undefined, '- (under way, or killed)'],
])('what a run took that ended at %s', (ended, text) => {
  expect(tookText({ started: '2026-11-21T04:00:00.000Z', ended })).toBe(text);
});
