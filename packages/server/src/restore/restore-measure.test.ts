// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { expect, it } from 'vitest';
import { measure } from './restore-measure.ts';

function entry(path: string, type: Entry['type'], size = 0, link?: string): Entry {
  const facts = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n };
  const target = link === undefined ? {} : { link: bytePathOfText(link) };
  return { path: bytePathOfText(path), type, size, ...facts, ...target };
}

async function* list() {
  yield [
    entry('.', 'directory'),
    entry('web', 'directory'),
    entry('web/shop', 'directory'),
    entry('web/shop/a', 'file', 5_000),
  ];
  yield [entry('db', 'directory'), entry('db/main', 'directory'), entry('db/main/a', 'hardlink', 0, 'web/shop/a')];
}

it('everything is counted once, and in blocks for the disk', async () => {
  expect(await measure(list, () => true)).toEqual({
    ...{ entries: 6, bytes: 5_000, top: ['web/shop', 'db/main'] },
    needed: 4 * 4_096 + 2 * 512 + 8_192,
  });
});

it('a second name brings the content of a first one that was not selected', async () => {
  const selects = (path: BytePath) => path.startsWith('db');
  expect(await measure(list, selects)).toMatchObject({ entries: 3, bytes: 5_000 });
});

it('nothing selected is nothing', async () => {
  expect(await measure(list, () => false)).toMatchObject({
    entries: 0,
    bytes: 0,
    needed: 0,
    top: ['web/shop', 'db/main'],
  });
});
