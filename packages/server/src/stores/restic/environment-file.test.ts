// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { parseEnvironment } from './environment-file.ts';

test('lines as systemd takes them', () => {
  const lines = [
    '# a comment',
    '; another',
    '',
    'AWS_ACCESS_KEY_ID=AKIA123',
    '  INDENTED=1',
    'PLAIN=a b  ',
    'SINGLE=\'a \\ "b" # c\'',
    'DOUBLE="a \\"b\\" \\\\ \\n $c"',
    'EMPTY=',
    'ESCAPED=a\\ b\\#',
    'WINDOWS=x\r',
    'RESTIC_REST_PASSWORD=r',
    'RESTIC_AWS_ASSUME_ROLE_ARN=arn',
  ];
  expect(parseEnvironment(lines.join('\n'), '/e')).toEqual({
    AWS_ACCESS_KEY_ID: 'AKIA123',
    INDENTED: '1',
    PLAIN: 'a b',
    SINGLE: 'a \\ "b" # c',
    DOUBLE: 'a "b" \\ \\n $c',
    EMPTY: '',
    ESCAPED: 'a b#',
    WINDOWS: 'x',
    RESTIC_REST_PASSWORD: 'r',
    RESTIC_AWS_ASSUME_ROLE_ARN: 'arn',
  });
});

test.each<readonly [line: string, complaint: string]>([
  ['B2_ACCOUNT_KEY = canary', 'must be `NAME=value`'],
  ['canary', 'must be `NAME=value`'],
  ['1A=canary', 'must be `NAME=value`'],
  ['export A=canary', 'leave out `export`'],
  ["A='canary", 'A: the quote is not closed'],
  ['A="canary" more', 'A: the quote is not closed, or something follows it'],
  ['A="ca\u0007nary"', 'A: the value holds control characters'],
  ...['RESTIC_REPOSITORY', 'RESTIC_PASSWORD', 'RESTIC_PASSWORD_FILE', 'RESTIC_CACHE_DIR', 'RESTIC_FROM_REPOSITORY'].map(
    (name) => [`${name}=canary`, `${name} cannot be set here: repository, password`] as const,
  ),
  ...['PATH', 'LD_PRELOAD', 'BASH_ENV'].map((name) => [`${name}=canary`, 'which programs run as root'] as const),
  ['NODE_OPTIONS=canary', 'it changes what programs do'],
  ['LC_ALL=canary', 'in English'],
])('%j is refused, and its value is not told', (line, complaint) => {
  const parse = () => parseEnvironment(`# first\n${line}`, '/etc/backup/e.env');
  expect(parse).toThrow('/etc/backup/e.env:2: ');
  expect(parse).toThrow(complaint);
  expect(parse).not.toThrow(/canary/);
});

test('all complaints come at once', () => {
  expect(() => parseEnvironment('PATH=/x\nA=1\nexport B=2', '/e')).toThrow(/\/e:1: .*\n\/e:3: /);
});
