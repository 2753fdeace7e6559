// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import { parsePublished } from './published.ts';

const NAME = 'web1-20261121_030000.tar.gz';
const ARCHIVE = { name: NAME, hostname: 'web1', stamp: '20261121_030000', bytes: 1000, hasManifest: true };

const MANIFEST = {
  format: 1,
  hostname: 'web1',
  archive: NAME,
  created: '2026-11-21T03:00:00Z',
  kind: 'full',
  clientVersion: '0.1.0',
  bytes: 1000,
  sha256: 'a'.repeat(64),
  totals: { files: 1, entries: 2, bytes: 3 },
  entryList: { name: `${NAME}.entries.gz`, bytes: 50, sha256: 'b'.repeat(64) },
  status: 'success',
  services: [
    {
      name: 'shop',
      type: 'web',
      status: 'success',
      messages: [],
      started: '2026-11-21T03:00:00Z',
      seconds: 1,
      secondsStopped: 0,
      bytes: 3,
      files: 1,
      tasks: [],
    },
  ],
};

test('a manifest that fits is read', () => {
  expect(parsePublished(JSON.stringify(MANIFEST), ARCHIVE)).toEqual(MANIFEST);
});

describe('refuses', () => {
  const other = 'web1-20261120_030000.tar.gz';
  test.each([
    ['no JSON', '{"format": 1', /is not JSON/],
    ['an unknown key', JSON.stringify({ ...MANIFEST, evil: 1 }), /not valid.*evil/],
    ['a newer format', JSON.stringify({ ...MANIFEST, format: 2 }), /not valid: format/],
    ['another archive', JSON.stringify({ ...MANIFEST, archive: other }), /archive is web1-20261120_030000/],
    ['another size', JSON.stringify({ ...MANIFEST, bytes: 999 }), /bytes is 999, found 1000/],
    [
      'an entry list elsewhere',
      JSON.stringify({ ...MANIFEST, entryList: { ...MANIFEST.entryList, name: '../x' } }),
      /entryList.name/,
    ],
  ])('%s', (_, text, message) => {
    expect(() => parsePublished(text, ARCHIVE)).toThrow(message);
  });
});
