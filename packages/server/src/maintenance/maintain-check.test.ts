// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { planCheck, planStructureCheck } from './maintain-check.ts';
import type { DataPlan } from './retention.ts';

const none: DataPlan = { share: { kind: 'none' }, next: 0 };
const part = (number: number): DataPlan => ({ share: { kind: 'part', part: number, of: 12 }, next: number });
const random: DataPlan = { share: { kind: 'random', amount: '10%' }, next: 0 };
const time = '2026-11-21T04:00:00.000Z';
const found = (share: string, ok = false) => ({ time, ok, share, problems: [] });

test.each<[string, Parameters<typeof planCheck>[0], DataPlan, string]>([
  ['the first time, what is planned', undefined, part(1), '1/12'],
  ['after a good check, the next part', found('2/12', true), part(3), '3/12'],
  ['after a bad check of a part, the same part', found('3/12'), part(3), '3/12'],
  ['after a bad check of another division, all', found('3/6'), part(3), 'all'],
  ['after a bad check of a random share, all', found('10%'), random, 'all'],
  ['after a bad check of the structure, what is planned', found('none'), part(1), '1/12'],
  ['after a bad check of data, all, though data are not read any more', found('all'), none, 'all'],
])('%s', (_, last, data, label) => {
  expect(planCheck(last, data, ['--with-cache'])).toMatchObject({ label, options: ['--with-cache'] });
});

test('words that say how much is read are obeyed, and dropped where all has to be read or nothing', () => {
  const words = ['--with-cache', '--read-data-subset', '5%'];
  expect(planCheck(undefined, none, words)).toEqual({ share: none.share, options: words, label: 'check_options' });
  expect(planCheck(found('check_options'), none, words)).toMatchObject({
    share: { kind: 'all' },
    options: ['--with-cache'],
  });
  expect(planStructureCheck(['--read-data-subset=5%', '--read-data', '--with-cache']).options).toEqual([
    '--with-cache',
  ]);
});
