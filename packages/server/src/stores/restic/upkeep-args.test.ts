// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { checkArgs, forgetCommands, judgeArgs } from './upkeep-args.ts';

test('a policy is judged by host alone, and only judged', () => {
  const args = judgeArgs('web1', ['--keep-last', '3']).join(' ');
  expect(args).toBe('forget --dry-run --json --no-lock --host web1 --group-by host --keep-last 3');
});

test('ids are forgotten so many at a time, and no forget is without any', () => {
  expect(forgetCommands([])).toEqual([]);
  const ids = Array.from({ length: 401 }, (_none, index) => String(index));
  const commands = forgetCommands(ids);
  expect(commands.map((words) => words.length - 1)).toEqual([200, 200, 1]);
  expect(commands.flatMap(([verb, ...words]) => (verb === 'forget' ? words : []))).toEqual(ids);
});

test('a check reads one share of the data, the one of the options first', () => {
  expect(checkArgs({ kind: 'none' }, ['--no-cache'])).toEqual(['check', '--no-cache']);
  expect(checkArgs({ kind: 'all' }, [])).toEqual(['check', '--read-data']);
  expect(checkArgs({ kind: 'part', part: 3, of: 12 }, [])).toEqual(['check', '--read-data-subset', '3/12']);
  expect(checkArgs({ kind: 'random', amount: '10%' }, [])).toEqual(['check', '--read-data-subset', '10%']);
  expect(checkArgs({ kind: 'all' }, ['--read-data-subset=5%'])).toEqual(['check', '--read-data-subset=5%']);
});
