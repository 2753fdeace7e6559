// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { createScrubber } from './redact.ts';

function scrubberOf(...secrets: string[]) {
  const scrubber = createScrubber();
  for (const secret of secrets) scrubber.add(secret);
  return scrubber.scrub;
}

describe('createScrubber', () => {
  it('replaces every occurrence of every known secret, of all nested ones the longest', () => {
    const scrub = scrubberOf('abcd', 'xabcdx', 'other.one');
    expect(scrub('abcd xabcdx otherzone other.one abcd')).toBe('*** *** otherzone *** ***');
  });

  it.each([
    ['quotes and backslashes in JSON', 'a"b\\c', JSON.stringify({ password: 'a"b\\c' }), '{"password":"***"}'],
    ['a URL', 'pa ss/wörd', 'https://host/?key=pa%20ss%2Fw%C3%B6rd', 'https://host/?key=***'],
    ['quotes and brackets in HTML', `a<b>&"c'`, '<p>a&lt;b&gt;&amp;&quot;c&#39;</p>', '<p>***</p>'],
    ['a control character that is shown', 'pass\x1bword', 'pass\\x1bword', '***'],
    ['the newline at the end of its file', 'password\n', 'is password.', 'is ***.'],
    ['one of several lines', 'first-line\nsecond-line', 'second-line', '***'],
    ['a lone surrogate', 'pass\ud800', 'pass\ud800', '***'],
  ])('finds a secret with %s', (_name, secret, text, expected) => {
    expect(scrubberOf(secret)(text)).toBe(expected);
  });

  it('takes patterns literally', () => {
    expect(scrubberOf('.*+?^$', 'a-b]')('anything .*+?^$ a-b]')).toBe('anything *** ***');
  });

  it('does not replace values so short that they occur in words', () => {
    expect(scrubberOf('', ' ', 'abc')('abc is in the abc')).toBe('abc is in the abc');
  });

  it.each([
    ['rest:https://user:secret@host/path', 'rest:https://user:***@host/path'],
    ['postgres://user:p@ss@host', 'postgres://user:***@host'],
    ['https://token@host/', 'https://***@host/'],
    ['ssh://user@host:22/ and user@host', 'ssh://user@host:22/ and user@host'],
    ['https://host/user:name@there', 'https://host/user:name@there'],
  ])('cleans the address %s', (text, expected) => {
    expect(scrubberOf()(text)).toBe(expected);
  });
});
