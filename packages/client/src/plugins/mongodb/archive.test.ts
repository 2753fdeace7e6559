// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readArchive } from './archive.ts';

let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'archive-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const read = (...parts: readonly Buffer[]) => {
  writeFileSync(join(root, 'a'), Buffer.concat(parts));
  return readArchive(join(root, 'a'));
};

const number = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};

const documentOf = (...elements: readonly Buffer[]) => {
  const body = Buffer.concat([...elements, Buffer.from([0])]);
  return Buffer.concat([number(body.length + 4), body]);
};

const text = (name: string, value: string) =>
  Buffer.concat([Buffer.from(`\x02${name}\0`), number(Buffer.byteLength(value) + 1), Buffer.from(`${value}\0`)]);

const header = (db: string, collection: string, isEnd: boolean) =>
  documentOf(
    text('db', db),
    text('collection', collection),
    Buffer.from([8, ...Buffer.from('EOF\0'), isEnd ? 1 : 0]),
    Buffer.from([0x12, ...Buffer.from('CRC\0'), 1, 2, 3, 4, 5, 6, 7, 8]),
  );

const MAGIC = Buffer.from([0x6d, 0xe2, 0x99, 0x81]);
const END = number(-1);
const PRELUDE = Buffer.concat([MAGIC, documentOf(text('version', '0.1')), END]);
const ITEM = documentOf(text('v', 'x'));

describe('readArchive', () => {
  it('counts documents of collections that are mixed', async () => {
    const blocks = [header('a', 'x', false), ITEM, ITEM, END, header('a', 'y', false), ITEM, END];
    const ends = [header('a', 'x', false), ITEM, END, header('a', 'x', true), END, header('a', 'y', true), END];
    expect(await read(PRELUDE, ...blocks, ...ends)).toEqual(
      new Map([
        ['a.x', 3],
        ['a.y', 1],
      ]),
    );
    expect(await read(PRELUDE)).toEqual(new Map());
  });

  it.each([
    ['no archive', [Buffer.from('hello')], 'does not begin'],
    ['cut off in the prelude', [PRELUDE.subarray(0, -4)], 'ends before its end'],
    ['cut off in a document', [PRELUDE, header('a', 'x', false), ITEM.subarray(0, -2)], 'ends before its end'],
    ['without the end of a collection', [PRELUDE, header('a', 'x', false), ITEM, END], 'the collection a.x has no end'],
    ['a huge document', [PRELUDE, header('a', 'x', false), number(2 ** 30)], 'the length of a document is wrong'],
    ['a negative length', [PRELUDE, header('a', 'x', false), number(-7)], 'the length of a document is wrong'],
    ['a block without a name', [PRELUDE, END], 'a block has no name'],
    ['a name of another type', [PRELUDE, documentOf(Buffer.from([3, 97, 0, 5])), END], 'cannot be read'],
    [
      'a name longer than its document',
      [PRELUDE, documentOf(Buffer.from([2, 97, 0]), number(99)), END],
      'cannot be read',
    ],
  ])('refuses %s', async (_name, parts, message) => {
    await expect(read(...parts)).rejects.toThrow(message);
  });
});
