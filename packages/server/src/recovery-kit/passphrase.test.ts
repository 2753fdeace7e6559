// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { generatePassphrase, requireStrong } from './passphrase.ts';

it('what is generated can be read from paper, and is taken', () => {
  expect(generatePassphrase()).toMatch(/^([a-hjkmnp-z2-9]{5}-){5}[a-hjkmnp-z2-9]{5}$/);
  expect(generatePassphrase()).not.toBe(generatePassphrase());
  requireStrong(generatePassphrase());
});

it.each(['', 'eleven char', 'two lines of\na file', 'with a tab\tin it', 'carriage return\r', 'delete \x7f in it'])(
  '%j is refused: too short, or nobody can type it',
  (passphrase) => expect(() => requireStrong(passphrase)).toThrow(/^The passphrase has /),
);
