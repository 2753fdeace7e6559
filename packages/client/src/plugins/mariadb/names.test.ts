// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { fileNameOf, quoteGrantName, quoteName, quoteText } from './names.ts';

it('quotes names and texts', () => {
  expect(quoteName('a`b')).toBe('`a``b`');
  expect(quoteGrantName('a_b%`c')).toBe('`a\\_b\\%``c`');
  expect(quoteText("it's")).toBe('CONVERT(0x69742773 USING utf8mb4)');
});

it('makes file names that stay in their directory and meet no other', () => {
  const names = ['shop', '../x', '.', 'a/b', 'a%2Fb', 'a\nb', 'grants', 'grants2', 'Zoë 🦊'];
  const files = names.map(fileNameOf);
  expect(files).toEqual(['shop', '%2E.%2Fx', '%2E', 'a%2Fb', 'a%252Fb', 'a%0Ab', '%67rants', 'grants2', 'Zoë 🦊']);
});
