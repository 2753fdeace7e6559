// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { asideName, connectionString, fileNameOf, isQualifiedName, quoteText } from './names.ts';

it.each([
  ['shop', 'shop'],
  ['Über uns.v2', 'Über uns.v2'],
  ['a/b\\c%d\ne', 'a%2fb%5cc%25d%0ae'],
  ['..', '%2e.'],
  ['-rf', '%2drf'],
  ['globals', '%67lobals'],
  ['postgresql', '%70ostgresql'],
])('%j is saved as %s', (name, expected) => {
  expect(fileNameOf(name)).toBe(expected);
});

it('a database cannot read as a connection string', () => {
  expect(connectionString("host=evil 'x' \\")).toBe("dbname='host=evil \\'x\\' \\\\'");
});

it('texts are quoted the same for servers that take backslashes and for those that do not', () => {
  expect(quoteText("it's")).toBe("'it''s'");
  expect(quoteText("\\'")).toBe(" E'\\\\'''");
});

it.each([
  ['public.orders', true],
  ['"a ""b"" \n"."C d"', true],
  ['public.orders; drop table x', false],
  ['public."a"" from x', false],
  ['orders', false],
  ['(select 1).x', false],
])('%j is a name of two parts: %s', (name, expected) => {
  expect(isQualifiedName(name)).toBe(expected);
});

it('what is renamed aside fits into 63 bytes, whole characters, and is new', () => {
  const now = new Date('2026-01-02T03:04:05.678Z');
  expect(asideName('shop', now, new Set())).toBe('shop_before_restore_20260102_030405');
  expect(asideName('shop', now, new Set(['shop_before_restore_20260102_030405']))).toBe(
    'shop_before_restore_20260102_030405_2',
  );
  const long = asideName('ü'.repeat(31), now, new Set());
  expect(long).toBe(`${'ü'.repeat(16)}_before_restore_20260102_030405`);
});
