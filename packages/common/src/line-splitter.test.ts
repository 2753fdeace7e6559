// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { createLineSplitter } from './line-splitter.ts';

function split(...chunks: (string | number[])[]): string[] {
  const lines: string[] = [];
  const splitter = createLineSplitter((line) => lines.push(line), 5);
  for (const chunk of chunks) splitter.push(Buffer.from(chunk as string));
  splitter.end();
  splitter.end();
  return lines;
}

describe('createLineSplitter', () => {
  it.each([
    [['a\nb\n'], ['a', 'b']],
    [
      ['a', 'b', '\n\n', 'c'],
      ['ab', '', 'c'],
    ],
    [[[0xc3], [0xb6, 0x0a]], ['ö']],
    [[[0xff, 0x0a]], ['\ufffd']],
    [['a\r\n'], ['a\r']],
    [[], []],
  ])('splits %j', (chunks, lines) => {
    expect(split(...chunks)).toEqual(lines);
  });

  it('refuses a line that does not end', () => {
    expect(split('12345', '\n')).toEqual(['12345']);
    expect(() => split('123', '456')).toThrow('longer than 5');
  });
});
