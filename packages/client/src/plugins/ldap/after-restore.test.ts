// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { contextsIn, isServed } from './after-restore.ts';

describe('what a running slapd names', () => {
  it('is read with its empty suffix, and in base64', () => {
    const text = 'dn:\nnamingContexts: o=one\nnamingContexts:\nnamingContexts:: bz3DvA==\n\n';
    expect(contextsIn(text)).toEqual(['o=one', '', 'o=ü']);
    expect(contextsIn('dn:\n\n')).toEqual([]);
  });

  it.each([
    ['o=one', ['o=two', 'O = one'], true],
    ['', ['o=one', ''], true],
    // Glued to the other one, by olcSubordinate.
    ['ou=sub,o=one', ['o=one'], true],
    ['o=one', [], true],
    ['o=one', ['o=two'], false],
    ['', ['o=one'], false],
    ['o=phone', ['o=one', 'one'], false],
    ['o=one', ['ou=sub,o=one'], false],
  ])('%j among %j: %s', (suffix, contexts, expected) => {
    expect(isServed(suffix, contexts)).toBe(expected);
  });
});
