// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { BackupError } from './errors.ts';
import { serializeError } from './log-error.ts';
import { chooseLogFormat, formatJournal, formatTerminal, type LogEvent } from './log-format.ts';

const time = new Date(2026, 0, 2, 3, 4, 5).toISOString();
const event = (fields: Partial<LogEvent>): LogEvent => ({ level: 'info', time, msg: 'text', ...fields });

describe('formatTerminal', () => {
  it('has the date, the level and the message', () => {
    expect(formatTerminal(event({}), false)).toBe('2026-01-02 03:04:05 - INFO: text\n');
  });

  it('colours the level alone', () => {
    expect(formatTerminal(event({ level: 'error' }), true)).toBe('2026-01-02 03:04:05 - \x1b[31mERROR\x1b[0m: text\n');
    expect(formatTerminal(event({}), true)).not.toContain('\x1b');
  });

  it('lets nothing in a message, field or error pass for a line of its own or steer a terminal', () => {
    const fake = '2026-01-02 03:04:05 - INFO: all is well';
    const hostile = `x\n${fake}\r\x1b[2J\u202e`;
    const error = serializeError(new BackupError('failed', hostile));
    const text = formatTerminal(event({ msg: hostile, path: hostile, error }), false);
    expect(text.split('\n').filter((line) => line.startsWith('2026'))).toHaveLength(1);
    for (const control of ['\r', '\x1b', '\u202e']) expect(text).not.toContain(control);
    expect(text).toContain('\n    2026-01-02 03:04:05 - INFO: all is well\\x0d\\x1b[2J\\u202e');
  });

  it('leaves alone what has been made printable before', () => {
    expect(formatTerminal(event({ msg: 'a\\x1bb' }), false)).toContain('a\\x1bb');
  });

  it('shows known errors by their message, bugs with their stack, and causes that say more', () => {
    const cause = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
    const known = serializeError(new BackupError('failed', 'Cannot read it.\n  Mend it.', { cause }));
    expect(formatTerminal(event({ host: 'web1', error: known }), false)).toBe(
      '2026-01-02 03:04:05 - INFO: text host=web1: Cannot read it.\n      Mend it.\n    caused by: ENOENT: no such file\n',
    );
    const bug = new TypeError('x is undefined');
    expect(formatTerminal(event({ error: serializeError(bug) }), false)).toMatch(
      /: TypeError: x is undefined\n {8}at /,
    );
  });

  it('survives circular causes', () => {
    const error = new BackupError('failed', 'round');
    error.cause = new Error('and round', { cause: error });
    expect(formatTerminal(event({ error: serializeError(error) }), false).length).toBeLessThan(1_000);
  });
});

describe('formatJournal', () => {
  it.each([
    ['error', 3],
    ['warn', 4],
    ['info', 6],
    ['debug', 7],
  ] as const)('gives %s the priority %i on each line', (level, priority) => {
    expect(formatJournal(event({ level, msg: 'one\ntwo' }))).toBe(`<${priority}>one\n<${priority}>    two\n`);
  });
});

describe('chooseLogFormat', () => {
  const choose = (json: boolean, isTTY: boolean, isJournal: boolean, env: Record<string, string> = {}) =>
    chooseLogFormat({ json, isTTY, isJournal, env });

  it.each([
    ['a terminal', choose(false, true, false), 'terminal', true],
    ['a terminal without colours', choose(false, true, false, { NO_COLOR: '1' }), 'terminal', false],
    ['a dumb terminal', choose(false, true, false, { TERM: 'dumb' }), 'terminal', false],
    ['a file', choose(false, false, false), 'terminal', false],
    ['the journal', choose(false, false, true), 'journal', false],
    ['--json on a terminal', choose(true, true, false), 'json', false],
    ['--json in the journal', choose(true, false, true), 'json', false],
  ])('for %s', (_name, chosen, format, colour) => {
    expect(chosen).toEqual({ format, colour });
  });
});
