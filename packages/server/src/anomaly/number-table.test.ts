// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { createNumberTable } from './number-table.ts';

/** Numbers of up to 48 bits that are spread like hashes, and many that begin in the same slot. */
const numbers = Array.from({ length: 5_000 }, (_, index) =>
  index % 2 === 0 ? (index * 0x5bd1_e995_77) % 2 ** 48 : index * 2 ** 32,
);

it('finds every number with its value, whatever came after it', () => {
  const table = createNumberTable(true);
  for (const [index, number] of numbers.entries()) table.put(number, index);
  expect(table.size).toBe(new Set(numbers).size);
  for (const [index, number] of numbers.entries()) {
    const slot = table.slotOf(number);
    expect(slot === undefined ? undefined : numbers[table.valueAt(slot)]).toBe(numbers[index]);
  }
  expect(table.slotOf(2 ** 47 + 11)).toBeUndefined();
});

it('tells what was marked from what was not', () => {
  const table = createNumberTable(true);
  for (const [index, number] of numbers.entries()) table.put(number, index);
  for (const number of numbers.slice(3)) table.mark(table.slotOf(number) ?? -1);
  const unmarked: number[] = [];
  table.forEachUnmarked((value) => unmarked.push(value));
  expect(unmarked.sort()).toEqual([0, 1, 2]);
  expect(table.isMarked(table.slotOf(numbers[3] ?? 0) ?? -1)).toBe(true);
  expect(table.isMarked(table.slotOf(numbers[2] ?? 0) ?? -1)).toBe(false);
});

it('knows zero, and the newest value of a number', () => {
  const table = createNumberTable(true);
  expect(table.slotOf(0)).toBeUndefined();
  table.put(0, 7);
  table.put(0, 8);
  expect(table.size).toBe(1);
  expect(table.valueAt(table.slotOf(0) ?? -1)).toBe(8);
});

it('keeps no values where none are wanted', () => {
  const table = createNumberTable(false);
  for (const number of numbers) table.put(number, 5);
  expect(table.valueAt(table.slotOf(numbers[9] ?? 0) ?? -1)).toBe(0);
});
