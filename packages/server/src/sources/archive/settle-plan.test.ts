// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { planSettling } from './settle-plan.ts';

const OLD = 'web1-20261120_030000.tar.gz';
const NEW = 'web1-20261121_030000.tar.gz';
const ALL_OF = (archive: string) => [archive, `${archive}.entries.gz`, `${archive}.json`];

function plan(spool: readonly string[], done: readonly string[] = [], stored = ['20261121_030000']) {
  return planSettling({ hostname: 'web1', spool, done, stored: new Set(stored) });
}

test('the archive goes first and its manifest last, whatever the order of the listing', () => {
  expect(plan([...ALL_OF(NEW)].reverse()).moves).toEqual(ALL_OF(NEW));
});

test('done keeps the newest, with what belongs to it', () => {
  const { moves, removals } = plan(ALL_OF(NEW), ALL_OF(OLD));
  expect(moves).toEqual(ALL_OF(NEW));
  expect(removals).toEqual(ALL_OF(OLD));
});

test('what is not stored stays where it is', () => {
  expect(plan([...ALL_OF(OLD), ...ALL_OF(NEW), 'notes.txt'], ['keep.me']).moves).toEqual(ALL_OF(NEW));
  expect(plan(ALL_OF(OLD))).toEqual({ moves: [], removals: [] });
});

test('an older archive that is stored too goes the same way, and out of done at once', () => {
  const { moves, removals } = plan([...ALL_OF(OLD), ...ALL_OF(NEW)], [], ['20261120_030000', '20261121_030000']);
  expect(moves).toEqual([...ALL_OF(OLD), ...ALL_OF(NEW)]);
  expect(removals).toEqual(ALL_OF(OLD));
});

test('leftovers of a crash in the middle follow', () => {
  const [archive, ...rest] = ALL_OF(NEW);
  expect(plan(rest, [archive as string])).toEqual({ moves: rest, removals: [] });
});

test('files of other hosts are left alone, in done too', () => {
  const other = ALL_OF('db1-20261101_030000.tar.gz');
  expect(plan([...ALL_OF(NEW), ...other], other)).toEqual({ moves: ALL_OF(NEW), removals: [] });
});
