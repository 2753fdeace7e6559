// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { bytePathOfText } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { describe, expect, it } from 'vitest';
import { compareLists } from './compare-lists.ts';

/** Content of files by path; a file is as large as it says, 2000 bytes where it does not. */
type Tree = Readonly<Record<string, string>>;

const sizeOf = (content: string) => (content === '' ? 0 : Number(/^\d+$/.exec(content)?.[0] ?? 2_000));

async function* list(tree: Tree): AsyncGenerator<Entry[]> {
  const common = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n };
  yield [{ ...common, path: bytePathOfText('d'), type: 'directory', size: 0 }];
  for (const [path, content] of Object.entries(tree)) {
    const sha256 = createHash('sha256').update(content).digest('hex');
    yield [{ ...common, path: bytePathOfText(path), type: 'file', size: sizeOf(content), sha256 }];
  }
}

const options = { key: Buffer.from('key'), signal: new AbortController().signal };

const compare = async (before: Tree, now: Tree) => (await compareLists(list(before), list(now), options)).change;

const before = { 'a.txt': 'A', 'b.txt': 'B', 'c.jpg': 'C', d: '' };
const nothing = { changed: 0, gone: 0, missing: 0, freshBytes: 0, endings: [], sample: [], sampledFrom: 0 };

describe('compareLists', () => {
  it('counts files and bytes alone where there is nothing to compare with', async () => {
    expect(await compareLists(undefined, list(before), options)).toEqual({
      now: { files: 4, bytes: 6_000 },
      change: undefined,
    });
  });

  it.each<[string, Tree, object]>([
    ['nothing', before, {}],
    [
      'content',
      { ...before, 'a.txt': 'A2', 'c.jpg': 'C2' },
      { changed: 2, freshBytes: 4_000, sample: ['a.txt'], sampledFrom: 1 },
    ],
    ['content to nothing', { ...before, 'a.txt': '', 'b.txt': '' }, { changed: 2 }],
    ['names', { 'x/a.txt': 'A', 'b.txt': 'B', 'x/c.jpeg': 'C', d: '' }, { missing: 2, endings: expect.anything() }],
    ['files that went', { 'a.txt': 'A', 'c.jpg': 'C' }, { gone: 2, missing: 2 }],
    [
      'a file beside one whose name it goes on with',
      { ...before, 'a.txt.new': 'N' },
      { freshBytes: 2_000, endings: expect.anything() },
    ],
    ['small files', { ...before, 'a.txt': '1023' }, { changed: 1, freshBytes: 1_023 }],
  ])('%s', async (_, now, change) => {
    expect(await compare(before, now)).toMatchObject({ ...nothing, before: { files: 4, bytes: 6_000 }, ...change });
  });

  it('sees that rotated logs are one new file', async () => {
    const now = { log: 'new', 'log.1': 'L', 'log.2': 'L1', 'log.3': 'L2' };
    expect(await compare({ log: 'L', 'log.1': 'L1', 'log.2': 'L2', 'log.3': 'L3' }, now)).toMatchObject({
      changed: 1,
      gone: 0,
      missing: 0,
      freshBytes: 2_000,
    });
  });

  it('does not let one file that was there before excuse all that it was written over', async () => {
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`f${index}`, `content of ${index}`]));
    const note = Object.fromEntries(Object.keys(many).map((path) => [path, 'pay']));
    expect(await compare({ ...many, note: 'pay' }, { ...note, note: 'pay' })).toMatchObject({ changed: 49 });
  });

  it('knows contents apart whose hashes were made to begin alike', async () => {
    const digest = (end: string) => `0123456789ab${end.repeat(52)}`;
    async function* one(end: string): AsyncGenerator<Entry[]> {
      const facts = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n, size: 9, sha256: digest(end) };
      yield [{ ...facts, path: bytePathOfText('a'), type: 'file' }];
    }
    expect((await compareLists(one('0'), one('1'), options)).change).toMatchObject({ changed: 1 });
  });

  it('sees files that were encrypted under a new name', async () => {
    const now = { 'a.txt.L0CKED': 'XA', 'b.txt.l0cked': 'XB', 'c.jpg.l0cked': 'XC', d: '' };
    const change = await compare(before, now);
    expect(change).toMatchObject({ changed: 0, gone: 3, missing: 3, sampledFrom: 2 });
    expect(change?.endings).toEqual([{ ending: 'l#cked', gained: 3, before: 0 }]);
    expect(change?.sample).toEqual(['a.txt.L0CKED', 'b.txt.l0cked']);
  });

  it('takes a copy of a file for no new content', async () => {
    expect(await compare(before, { ...before, 'e.txt': 'A', 'f.txt': 'A' })).toMatchObject({
      freshBytes: 0,
      changed: 0,
    });
  });

  it('counts endings as they were before', async () => {
    const change = await compare(before, { ...before, 'e.txt': 'E', 'f.new': 'F', 'g.new': 'G', h: 'H' });
    expect(change?.endings).toEqual([
      { ending: 'new', gained: 2, before: 0 },
      { ending: 'txt', gained: 1, before: 2 },
    ]);
  });

  it('does not compare more files than it can remember, and ends with the host', async () => {
    expect(await compareLists(list(before), list(before), { ...options, mostFiles: 3 })).toEqual({
      now: { files: 4, bytes: 6_000 },
      change: undefined,
    });
    const ended = { ...options, signal: AbortSignal.abort(new Error('time is up')) };
    await expect(compareLists(list(before), list(before), ended)).rejects.toThrow('time is up');
    await expect(compareLists(undefined, list(before), ended)).rejects.toThrow('time is up');
  });

  it('looks at some of many', async () => {
    const many = (content: string) =>
      Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`f${index}`, `${content}${index}`]));
    const change = await compare(many('old'), many('new'));
    expect(change?.sample).toHaveLength(256);
    expect(new Set(change?.sample).size).toBe(256);
    expect(change?.sampledFrom).toBe(600);
  });
});
