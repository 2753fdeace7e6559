// SPDX-License-Identifier: AGPL-3.0-or-later
import { fstatSync } from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { reportError } from './command-line.ts';
import { BackupError, InterruptedError, markReported } from './errors.ts';

let written: string;

beforeEach(() => {
  written = '';
  vi.stubEnv('JOURNAL_STREAM', undefined);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const report = (error: unknown, json = false) => reportError(error, { json });

/** As commander throws it. */
const commanderError = (code: string, exitCode: number) => Object.assign(new Error('x'), { code, exitCode });

it('tells an error and turns it into an exit code', async () => {
  expect(await report(new BackupError('config', 'Two mistakes:\nhere'))).toBe(2);
  expect(written).toBe('ERROR: Two mistakes:\nhere\n');
});

it('does not let what it quotes steer the terminal', async () => {
  await report(new BackupError('failed', 'file \u001b[2Jx\r\nsecond\tline'));
  expect(written).toBe('ERROR: file \\x1b[2Jx\\x0d\nsecond\\tline\n');
});

it('does not tell again what the log has told', async () => {
  expect(await report(markReported(new BackupError('failed', 'told')))).toBe(1);
  expect(await report(markReported(new InterruptedError('SIGTERM')))).toBe(143);
  expect(await report(markReported(new TypeError('a bug')))).toBe(1);
  expect(written).toBe('');
  expect(await report(markReported('no object'))).toBe(1);
  expect(written).toContain('no object');
});

it('under --json it is a line of JSON, as in the log', async () => {
  await report(new BackupError('failed', 'one\ntwo'), true);
  expect(JSON.parse(written)).toEqual({ level: 'error', time: expect.any(String), msg: 'one\ntwo' });
  expect(written.match(/\n/g)).toHaveLength(1);
});

it('in the journal every line has its priority', async () => {
  const { dev, ino } = fstatSync(2);
  vi.stubEnv('JOURNAL_STREAM', `${dev}:${ino}`);
  await report(new BackupError('failed', 'one\ntwo'));
  expect(written).toBe('<3>one\n<3>    two\n');
});

it('a wrong command line is 2, help and version are 0', async () => {
  expect(await report(commanderError('commander.unknownOption', 1))).toBe(2);
  expect(written).toBe('ERROR: Invalid options provided. Use -h for help.\n');
  written = '';
  expect(await report(commanderError('commander.helpDisplayed', 0))).toBe(0);
  expect(written).toBe('');
});
