// SPDX-License-Identifier: AGPL-3.0-or-later
import { bytePathOfText } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { describe, expect, it } from 'vitest';
import { contentsOf, hasUnseenChange } from './unseen-changes.ts';

const file = (name: string, more: Partial<Entry> = {}): Entry => ({
  path: bytePathOfText(name),
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 10,
  mtimeNs: 1_700_000_000_123_456_789n,
  sha256: 'a'.repeat(64),
  ...more,
});

async function* list(...entries: Entry[]): AsyncGenerator<Entry[]> {
  for (const entry of entries) yield [entry];
}

const options = { key: Buffer.from('key'), signal: new AbortController().signal };

const changed = async (before: Entry, now: Entry) =>
  hasUnseenChange((await contentsOf(list(file('other'), before), options)) ?? new Map(), list(now), options);

describe('hasUnseenChange', () => {
  it('sees a content that changed behind the same size and time', async () => {
    expect(await changed(file('db'), file('db', { sha256: 'b'.repeat(64) }))).toBe(true);
  });

  it.each([
    ['nothing changed', file('db')],
    ['the time changed too', file('db', { sha256: 'b'.repeat(64), mtimeNs: 1n })],
    ['the size changed too', file('db', { sha256: 'b'.repeat(64), size: 11 })],
    ['it is another file', file('db2', { sha256: 'b'.repeat(64) })],
  ])('is content when %s', async (_, now) => {
    expect(await changed(file('db'), now)).toBe(false);
  });
});

describe('contentsOf', () => {
  it('remembers no more files than it may', async () => {
    const three = () => list(file('a'), file('b'), file('c'));
    expect(await contentsOf(three(), { ...options, mostFiles: 3 })).toHaveProperty('size', 3);
    expect(await contentsOf(three(), { ...options, mostFiles: 2 })).toBeUndefined();
  });

  it('ends with the host', async () => {
    const ended = { ...options, signal: AbortSignal.abort(new Error('time is up')) };
    await expect(contentsOf(list(file('a')), ended)).rejects.toThrow('time is up');
    await expect(hasUnseenChange(new Map(), list(file('a')), ended)).rejects.toThrow('time is up');
  });
});
