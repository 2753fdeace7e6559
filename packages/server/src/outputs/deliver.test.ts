// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import type { RunRecord } from '@local-backup/common/run-record';
import { expect, test } from 'vitest';
import { deliverOutputs } from './deliver.ts';
import { defineOutput } from './output.ts';

const now = new Date('2026-11-21T04:00:00.000Z');
const run = { id: 'run' } as RunRecord;

/** An output of three items, of which those named in `refused` cannot be delivered. */
function outputOf(name: string, delivered: string[], refused: readonly string[] = []) {
  return defineOutput<string>({
    name,
    render: () => ['1', '2', '3'].map((item) => `${name}${item}`),
    deliver: async (item) => {
      if (refused.includes(item)) throw new BackupError('failed', 'no route');
      delivered.push(item);
    },
    describe: (item) => `item ${item}`,
  });
}

function logInto(errors: string[]): Log {
  const nothing = () => undefined;
  const log: Log = {
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: (text) => void errors.push(text),
    child: () => log,
  };
  return log;
}

test('an item that cannot be delivered is one line in the log and stops neither its output nor the next', async () => {
  const delivered: string[] = [];
  const errors: string[] = [];
  const outputs = [outputOf('a', delivered, ['a2']), outputOf('b', delivered)];
  expect(await deliverOutputs(outputs, run, now, logInto(errors))).toBe(1);
  expect(delivered).toEqual(['a1', 'a3', 'b1', 'b2', 'b3']);
  expect(errors).toEqual(['cannot deliver item a2']);
});

test('an output that cannot even be rendered counts as well, and the next is delivered', async () => {
  const delivered: string[] = [];
  const errors: string[] = [];
  const broken = { ...outputOf('a', delivered), render: () => (undefined as unknown as string[]).slice() };
  expect(await deliverOutputs([broken, outputOf('b', delivered)], run, now, logInto(errors))).toBe(1);
  expect(delivered).toEqual(['b1', 'b2', 'b3']);
  expect(errors).toEqual(['cannot deliver output a']);
});

test('no outputs are no failure', async () => {
  expect(await deliverOutputs([], run, now, logInto([]))).toBe(0);
});
