// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { expect, test } from 'vitest';
import { amountsOf, serviceOf } from './drill-amounts.ts';

test('sums up a list by service', async () => {
  const entry = (path: string, size: number): Entry => {
    const facts = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n };
    return { path: bytePathOfText(path), type: 'file', size, ...facts };
  };
  async function* list() {
    yield [entry('files', 0), entry('files/etc', 0), entry('files/etc/a', 5)];
    yield [entry('mysql/shop/x/y', 7), entry('files/etc/b', 1), entry('odd name/x/y', 2)];
  }
  expect(await amountsOf(list(), new AbortController().signal)).toEqual({
    all: { bytes: 15, entries: 6 },
    services: [
      { name: 'files/etc', bytes: 6, entries: 3 },
      { name: 'mysql/shop', bytes: 7, entries: 1 },
    ],
  });
});

test.each([
  ['files/etc', 'files/etc'],
  ['files/etc/hosts', 'files/etc'],
  ['files', undefined],
  ['.', undefined],
  ['files/*/x', undefined],
  ['files/[a]/x', undefined],
  ['../etc/x', undefined],
])('%s belongs to the service %s', (path, service) => {
  expect(serviceOf(path as BytePath)).toBe(service);
});
