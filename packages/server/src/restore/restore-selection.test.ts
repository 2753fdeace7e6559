// SPDX-License-Identifier: AGPL-3.0-or-later
import { bytePathOfText } from '@local-backup/common/byte-path';
import type { Manifest, ManifestService } from '@local-backup/common/manifest';
import { expect, it } from 'vitest';
import { chooseService, selectParts } from './restore-selection.ts';

const service = (type: string, name: string): ManifestService => ({
  ...{ type, name, status: 'success', messages: [], started: '2026-11-21T03:00:00Z', seconds: 1, secondsStopped: 0 },
  ...{ bytes: 1, files: 1, tasks: [] },
});

const manifest: Manifest = {
  ...{ format: 1, hostname: 'web1', archive: 'web1-20261121_030000.tar.gz', created: '2026-11-21T03:00:00Z' },
  ...{ kind: 'full', clientVersion: '1', bytes: 1, sha256: '0'.repeat(64), status: 'success' },
  totals: { files: 1, entries: 1, bytes: 1 },
  entryList: { name: 'list', bytes: 1, sha256: '0'.repeat(64) },
  services: [service('web', 'shop'), service('db', 'shop'), service('db', 'wiki')],
};

it('a service is named by type and name, or by its name where that is enough', () => {
  expect(chooseService(manifest, 'wiki')).toBe('db/wiki');
  expect(chooseService(manifest, 'web/shop')).toBe('web/shop');
  expect(() => chooseService(manifest, 'shop')).toThrow(/^More than one service .* db\/shop, db\/wiki, web\/shop$/);
  expect(() => chooseService(manifest, 'none')).toThrow(/^No service .*"none"\. There are: db\/shop, /);
});

it('paths are looked for in the tree, or in each of the services', () => {
  expect(selectParts([], []).include).toEqual([]);
  expect(selectParts([], ['/web//shop/', '**/x']).include).toEqual(['web/shop', '**/x']);
  expect(selectParts(['web/shop'], []).include).toEqual(['web/shop']);
  const both = selectParts(['web/shop', 'db/wiki'], ['data/*.sql']);
  expect(both.include).toEqual(['web/shop/data/*.sql', 'db/wiki/data/*.sql']);
  expect(both.selects(bytePathOfText('db/wiki/data/a.sql'))).toBe(true);
  expect(both.selects(bytePathOfText('db/wiki/b.sql'))).toBe(false);
  expect(() => selectParts(['web/shop'], ['../..'])).toThrow('--path "../.." goes upwards');
  expect(() => selectParts(['web/shop'], ['/'])).toThrow('--path "/" names nothing.');
});
