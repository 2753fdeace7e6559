// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { describeExit, describeTimeout, quoteLastLines } from './exec-failure.ts';

const keep = (text: string) => text;

describe('quoteLastLines', () => {
  it('quotes the last ten lines, without empty ones', () => {
    const stderr = Array.from({ length: 20 }, (_, index) => `line ${index}\n\n`).join('');
    const quoted = quoteLastLines(stderr, keep).split('\n');
    expect(quoted).toEqual(['', ...Array.from({ length: 10 }, (_, index) => `  line ${index + 10}`)]);
  });

  it('says nothing where nothing was said', () => {
    expect(quoteLastLines('\n \n', keep)).toBe('');
  });

  it('removes secrets before it cuts', () => {
    const secret = `s${'e'.repeat(3_000)}cret`;
    expect(quoteLastLines(`a ${secret}`, (text) => text.replaceAll(secret, '***'))).toBe('\n  a ***');
  });

  it('is short whatever was printed', () => {
    expect(quoteLastLines('\0'.repeat(100_000), keep).length).toBeLessThan(2_100);
  });

  it('makes control characters visible and leaves backslashes alone', () => {
    expect(quoteLastLines('tar: \\303\\244: \x1b[1m\rdone', keep)).toBe('\n  tar: \\303\\244: \\x1b[1m\n  done');
  });
});

describe('messages about the end of a program', () => {
  it.each([
    [describeExit('tar', { exitCode: 2, signal: undefined }), 'tar failed with exit code 2.'],
    [describeExit('tar', { exitCode: undefined, signal: 'SIGPIPE' }), 'tar was ended by SIGPIPE.'],
    [describeTimeout('tar', { timeoutMs: 90_000 }), 'tar did not finish within 90 s and was ended.'],
    [
      describeTimeout('sh', { timeoutMs: 1_000, limitedBy: '`timeout`, `task_timeout`' }),
      'sh did not finish within 1 s and was ended. What limits it, the lowest value counts: `timeout`, `task_timeout`.',
    ],
  ])('%s', (text, expected) => {
    expect(text).toBe(expected);
  });

  it('points to a lack of memory where a program was killed', () => {
    expect(describeExit('tar', { exitCode: undefined, signal: 'SIGKILL' })).toContain('out of memory');
  });

  it('tells a program that cannot be ended', () => {
    expect(describeExit('tar', { exitCode: undefined, signal: undefined })).toContain('could not be ended');
  });
});
