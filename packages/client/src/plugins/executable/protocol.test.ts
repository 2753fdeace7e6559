// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { copyEnvironment, optionVariables, restoreEnvironment, stageEnvironment } from './environment.ts';
import { parseAnswer, STAGES } from './protocol.ts';

const parse = (line: string) => parseAnswer(line, 'prepare', 'x, line 1');

describe('parseAnswer', () => {
  it.each(['text', '', '[1]', '"a"', 'null', '{', '{"a": 1} trailing', '  plain'])('%j is text', (line) => {
    expect(parse(line)).toEqual({ kind: 'text', text: line });
  });

  it('an object is an answer, whatever blanks are around it', () => {
    expect(parse('  {"warning": "x"} ')).toEqual({ kind: 'warning', value: 'x' });
    expect(parse('{"remember": {"a": 1}}')).toEqual({ kind: 'remember', value: { a: 1 } });
    expect(parse('{"log": "debug", "message": "m"}')).toEqual({ kind: 'log', level: 'debug', message: 'm' });
  });

  it.each([
    ['{}', 'x, line 1: no key of the protocol: '],
    ['{"constructor": 1}', 'no key of the protocol: constructor'],
    ['{"\\u001b[31m": 1}', 'no key of the protocol: \\x1b[31m'],
    ['{"warning": 5}', 'warning: '],
    ['{"remember": []}', 'remember: '],
    [`{"remember": {"a": "${'x'.repeat(70_000)}"}}`, 'more than 65536 characters'],
    ['{"fact": {"a": "b"}}', '`fact` belongs to run, not to prepare'],
  ])('%.40s is refused', (line, message) => {
    expect(() => parse(line)).toThrow(message);
  });
});

describe('optionVariables', () => {
  it('leaves out what is no plain value, and what would be the same variable', () => {
    const options = {
      'a-b': 1,
      a_b: 2,
      map: {},
      list: ['x', {}],
      nothing: null,
      nul: 'a\0b',
      long: 'x'.repeat(40_000),
    };
    expect(optionVariables(options)).toEqual({ BACKUP_OPTION_A_B: '1' });
  });
});

describe('docs/plugins.md', () => {
  const text = readFileSync(new URL('../../../../../docs/plugins.md', import.meta.url), 'utf8');

  it('tells of every stage, answer and variable', () => {
    const service = { name: 'n', type: 't', configDirectory: '/' };
    const copy = { copy: '/c', scratch: '/s', facts: {}, level: 'quick' } as const;
    const variables = {
      ...stageEnvironment('x', { service }, { LOG_LEVEL: '2' }),
      ...copyEnvironment('x', copy),
      ...restoreEnvironment({ kept: '/k', as: 'other' }),
    };
    const answers = ['log', 'warning', 'fact', 'tables', 'tree', 'check', 'step', 'remember', 'describe'];
    const rows = [...STAGES, ...Object.keys(variables), 'BACKUP_STAGE', 'BACKUP_STATE'].map((word) => `\`${word}\``);
    const lines = text.split('\n').filter((line) => line.startsWith('|'));
    const first = lines.map((line) => line.split('|')[1] ?? '').join('\n');
    expect([...rows, ...answers.map((key) => `\`{"${key}": `)].filter((row) => !first.includes(row))).toEqual([]);
  });
});
