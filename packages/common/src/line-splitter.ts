// SPDX-License-Identifier: AGPL-3.0-or-later
import { StringDecoder } from 'node:string_decoder';

/** Turns chunks of bytes into lines of UTF-8 text, without their newline. */
export interface LineSplitter {
  /** @throws RangeError where a line is longer than the bound */
  readonly push: (chunk: Buffer) => void;
  /** Hands over a last line that has no newline; harmless when called again. */
  readonly end: () => void;
}

/** @param maxLength longest line, in UTF-16 units: keeps a program that prints no newline from filling the memory */
export function createLineSplitter(onLine: (line: string) => void, maxLength: number): LineSplitter {
  const decoder = new StringDecoder('utf8');
  // Pieces, not one growing string, because searching that again with every chunk would take quadratic time.
  let pieces: string[] = [];
  let length = 0;

  const push = (text: string): void => {
    const lines = text.split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) {
      pieces.push(line);
      onLine(pieces.join(''));
      pieces = [];
      length = 0;
    }
    length += rest.length;
    if (length > maxLength) throw new RangeError(`a line is longer than ${maxLength} characters`);
    if (rest !== '') pieces.push(rest);
  };

  return {
    push: (chunk) => push(decoder.write(chunk)),
    end: () => {
      push(decoder.end());
      const line = pieces.join('');
      pieces = [];
      if (line !== '') onLine(line);
    },
  };
}
