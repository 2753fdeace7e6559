// SPDX-License-Identifier: AGPL-3.0-or-later
import { escapeControls } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import { formatDuration } from '@local-backup/common/duration';
import type { TaskResult } from '../plugin.ts';
import type { Expectations } from './options.ts';
import type { Saved } from './tally.ts';

/** What there is. */
export interface Evidence {
  readonly saved: Saved;
  readonly tables: TaskResult['tables'];
  /** What it was the last time that all was well; undefined where nobody knows. */
  readonly bytesBefore: number | undefined;
  /** The file that says so. */
  readonly file: string;
  readonly now: Date;
}

/** What was expected and what there is, a sentence for each expectation that is not met. */
export function judge(expect: Expectations, evidence: Evidence): readonly string[] {
  return [
    ...sizeMisses(expect, evidence),
    ...ageMisses(expect, evidence),
    ...evidence.saved.unmatched.map(
      (pattern) => `must_contain: expected \`${escapeControls(pattern)}\`, but nothing that was saved matches it.`,
    ),
    ...tableMisses(expect, evidence),
  ];
}

function sizeMisses({ min_bytes: least, max_shrink: most }: Expectations, evidence: Evidence): string[] {
  const { bytes } = evidence.saved;
  return [
    ...(least === undefined || bytes >= least
      ? []
      : [`min_bytes: expected at least ${exactBytes(least)}, but ${exactBytes(bytes)} were saved.`]),
    ...(most === undefined ? [] : shrinkMisses(most, evidence)),
  ];
}

/** Rounded ones may look the same. */
function exactBytes(bytes: number): string {
  return bytes < 1024 ? formatBytes(bytes) : `${formatBytes(bytes)} (${bytes} bytes)`;
}

function shrinkMisses(most: number, { saved, bytesBefore, file }: Evidence): string[] {
  if (bytesBefore === undefined || saved.bytes >= bytesBefore * (1 - most)) return [];
  const part = Math.floor((1 - saved.bytes / bytesBefore) * 1000) / 10;
  return [
    `max_shrink: expected at most ${Math.round(most * 10_000) / 100}% less than the ${formatBytes(bytesBefore)} of the last ` +
      `archive in which all was well, but ${formatBytes(saved.bytes)} were saved: ${part}% less. If that is meant to be so, ` +
      `remove ${file} once.`,
  ];
}

/** Clocks may differ; but a file of next year would make all others look new enough until then. */
const CLOCK_ERROR_MS = 24 * 3_600_000;

function ageMisses({ max_age: most }: Expectations, { saved, now }: Evidence): string[] {
  if (most === undefined) return [];
  const expected = `max_age: expected a file that was changed within ${formatDuration(most)}`;
  if (saved.newestNs === undefined) return [`${expected}, but no file was saved.`];
  const age = now.getTime() - Number(saved.newestNs / 1_000_000n);
  if (age < -CLOCK_ERROR_MS) {
    const ahead = formatDuration(wholeMinutes(-age));
    return [`${expected}, but the newest is dated ${ahead} in the future, which says nothing: set its time right.`];
  }
  if (age <= most) return [];
  return [`${expected}, but the newest was changed ${formatDuration(wholeMinutes(age))} ago.`];
}

function wholeMinutes(milliseconds: number): number {
  return milliseconds < 60_000 ? milliseconds : Math.floor(milliseconds / 60_000) * 60_000;
}

function tableMisses({ tables = [], min_rows: rows = {} }: Expectations, { tables: found }: Evidence): string[] {
  const wanted = Object.entries(rows);
  if (tables.length + wanted.length === 0) return [];
  if (found === undefined) return ['tables: expected tables, but this task tells of none: it saves no database.'];
  return [
    ...tables.filter((name) => tablesNamed(name, found).length === 0).map((name) => lacking('tables', name)),
    ...wanted.flatMap(([name, least]) => rowMisses(name, least, found)),
  ];
}

type Tables = NonNullable<TaskResult['tables']>;

function rowMisses(name: string, least: number, found: Tables): string[] {
  const named = tablesNamed(name, found);
  if (named.length === 0) return [lacking('min_rows', name)];
  return named.flatMap(([table, rows]) => {
    if (rows !== undefined && rows >= least) return [];
    const there = rows === undefined ? 'nobody counted them' : `there are ${rows}`;
    return [`min_rows: expected at least ${least} rows in ${escapeControls(table)}, but ${there}.`];
  });
}

/** By the full name, or by the end of it after a dot: `orders` for `shop.public.orders`. */
function tablesNamed(name: string, found: Tables): (readonly [string, number | undefined])[] {
  return [...found].filter(([table]) => table === name || table.endsWith(`.${name}`));
}

function lacking(key: string, name: string): string {
  return `${key}: expected the table ${escapeControls(name)}, but it is not among those that were saved.`;
}
