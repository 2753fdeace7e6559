// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { earlier, good, unreachable } from '../../../../test/helpers/run-records.ts';
import { evidenceIds } from './evidence.ts';
import { TREND_LENGTH, trendOf } from './history.ts';

const drill = { snapshot: 'ab', taken: '2026-11-21T04:00:00.000Z', entries: 1, bytes: 1, restoreSeconds: 1 };

test('what tells how a host fared last, and when it was last saved, maintained and proven, is kept; the rest is not', () => {
  const runs = [
    ...[1, 2, 3].map((days) => earlier(days, [{ ...unreachable, host: 'web1' }])),
    ...[4, 5, 6].map((days) => earlier(days, [good])),
    earlier(7, [{ ...good, status: 'failed' }], 'maintenance'),
    earlier(8, [{ ...good, upkeep: { snapshots: 1, forgotten: 0, bytes: 9 } }], 'maintenance'),
    earlier(9, [{ ...good, status: 'failed' }], 'drill'),
    ...[10, 11].map((days) => earlier(days, [{ ...good, drill }], 'drill')),
    earlier(12, [{ ...good, host: 'gone1' }]),
  ];
  const kept = evidenceIds(['web1', 'new1'], runs);
  const days = runs.filter(({ id }) => kept.has(id)).map(({ id }) => 1121 - Number(id.slice(4, 8)));
  expect(days).toEqual([1, 4, 6, 7, 8, 9, 10]);
});

test('a trend is that of the last runs in which the host had its turn, oldest first', () => {
  const skipped = { ...good, status: 'skipped' as const, skipped: 'INTERRUPTED' };
  const runs = [
    earlier(1, [{ ...good, status: 'failed' }]),
    earlier(2, [{ ...good, host: 'db1' }]),
    earlier(3, [skipped]),
    earlier(4, [good], 'maintenance'),
    ...[5, 6].map((days) => earlier(days, [{ ...good, status: 'warning' }])),
    ...Array.from({ length: 20 }, (_, index) => earlier(7 + index, [good])),
  ];
  expect(trendOf('web1', runs)).toEqual([
    ...new Array(TREND_LENGTH - 3).fill('success'),
    'warning',
    'warning',
    'failed',
  ]);
});
