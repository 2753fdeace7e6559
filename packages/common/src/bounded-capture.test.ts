// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { createCapture } from './bounded-capture.ts';

function capture(...chunks: string[]) {
  const captured = createCapture({ first: 4, last: 3 });
  for (const chunk of chunks) captured.push(Buffer.from(chunk));
  return { text: captured.text(), truncated: captured.truncated() };
}

describe('createCapture', () => {
  it.each([
    ['nothing', [], ''],
    ['what fits into the beginning', ['ab', 'cd'], 'abcd'],
    ['what fits into both', ['abcdefg'], 'abcdefg'],
    ['the same in pieces', ['a', 'bcde', 'f', 'g'], 'abcdefg'],
  ])('keeps %s whole', (_name, chunks, text) => {
    expect(capture(...chunks)).toEqual({ text, truncated: false });
  });

  it.each([
    ['one chunk', ['abcdefgh'], 1],
    ['many chunks', [...'abcd', ...'x'.repeat(1000), ...'fgh'], 1000],
  ])('says how much of %s is missing between beginning and end', (_name, chunks, missing) => {
    const text = `abcd\n[... ${missing} bytes left out ...]\nfgh`;
    expect(capture(...chunks)).toEqual({ text, truncated: true });
  });
});
