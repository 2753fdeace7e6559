// SPDX-License-Identifier: AGPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { mailSchema } from './mail.ts';
import { parseConfig } from './parse.ts';
import { absolutePath, duration, size } from './values.ts';

const FILE = '/etc/x.yml';

const schema = z.strictObject({
  directory: absolutePath.optional().describe('Where things are.'),
  days: z.int().min(1).optional(),
  flag: z.boolean().optional(),
  words: z.union([z.string(), z.array(z.string())]).optional(),
  delay: duration({ min: '1s', max: '1h' }).optional(),
  limit: size().optional(),
  level: z.enum(['low', 'high']).optional(),
  password: z.string().max(3).optional(),
  environment: z.record(z.string().regex(/^[A-Z_]+$/, 'must be in capitals'), z.string()).optional(),
  shape: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('file'), path: absolutePath.describe('The file.') }),
      z.strictObject({ kind: z.literal('none') }),
    ])
    .optional(),
  hosts: z.array(z.strictObject({ name: z.string().describe('Its name.'), port: z.int().optional() })).optional(),
  mail: mailSchema.optional(),
});

/** The complaints, without the name of the file. */
function complaints(text: string): string[] {
  try {
    parseConfig(text, FILE, schema);
  } catch (error) {
    expect(error).toMatchObject({ name: 'BackupError', code: 'config' });
    const lines = (error as Error).message.split('\n').filter((line) => line.startsWith(FILE));
    return lines.map((line) => line.slice(FILE.length + 1));
  }
  return [];
}

describe('a complaint names the place, the key, the value and what is allowed', () => {
  it.each([
    ['days: 0', '1:7: days: must be at least 1, but is the number 0'],
    ['days: "14"', '1:7: days: must be a whole number (remove the quotes), but is "14"'],
    ['days: 1.5', '1:7: days: must be a whole number, but is the number 1.5'],
    ['days:', '1:1: days: must be a whole number, but is empty'],
    ['days: [1]', '1:7: days: must be a whole number, but is a list'],
    ['flag: yes', '1:7: flag: must be true or false, but is "yes"'],
    ['directory: 600', '1:12: directory: must be text (put it in quotes), but is the number 600'],
    ['directory: var', '1:12: directory: must be an absolute path, starting with `/`, but is "var"'],
    ['level: mid', '1:8: level: must be one of `low`, `high`, but is "mid"'],
    [
      'delay: soon',
      '1:8: delay: must be a time such as `90s`, `15m`, `1h30m` or `2d`; a plain number is seconds, but is "soon"',
    ],
    ['delay: 0', '1:8: delay: must be at least 1s, but is the number 0'],
    ['delay: 61m', '1:8: delay: must be at most 1h, but is "61m"'],
    ['limit: 0', '1:8: limit: must be more than 0, but is the number 0'],
    ['words: 5', '1:8: words: must be text or a list, but is the number 5'],
    ['words: [a, 5]', '1:12: words[1]: must be text (put it in quotes), but is the number 5'],
    ['environment: {a: b}', '1:15: environment.a: the key is not allowed: it must be in capitals'],
    ['shape: {kind: fiel}', '1:15: shape.kind: must be one of `file`, `none`, but is "fiel"'],
    ['shape: {kind: file}', '1:1: shape.path: is missing: The file.'],
    ['shape: {}', '1:1: shape.kind: is missing: must be one of `file`, `none`'],
    ['hosts:\n  - port: 1', '2:5: hosts[0].name: is missing: Its name.'],
    ['hosts:\n  - {name: a, prot: 1}', '2:15: hosts[0].prot: unknown key. Did you mean `port`?'],
    ['dayz: 1', '1:1: dayz: unknown key. Did you mean `days`?'],
    ['- a', '1:1: must be a section with keys of its own, but is a list'],
    [
      'directory: "/a\\nb\\e[2J"',
      '1:12: directory: must be an absolute path, starting with `/`, but is "/a\\nb\\x1b[2J"',
    ],
  ])('%s', (text, complaint) => {
    expect(complaints(text)).toEqual([complaint]);
  });

  it('lists what is allowed where an unknown key is like nothing', () => {
    expect(complaints('mail: {quux: 1}')).toEqual([
      '1:8: mail.quux: unknown key; allowed here: command, from, host, password_file, port, timeout, tls, transport, user',
    ]);
  });

  it('shows no secret', () => {
    expect(complaints('password: hunter2')).toEqual([
      '1:11: password: must have at most 3 characters, but is something else (not shown)',
    ]);
    expect(complaints('level: https://me:hunter2@example.org/')[0]).toContain('https://me:***@example.org/');
    expect(complaints('environment: {DB_TOKEN: 17}')[0]).not.toContain('17');
  });

  it('cuts long values', () => {
    expect(complaints(`level: ${'x'.repeat(500)}`)[0]).toMatch(/but is "x{60}\.\.\."$/);
  });
});

it('ten mistakes are ten complaints, in the order of the file', () => {
  const text = `directory: var
days: "7"
flag: on
dely: 3s
words:
  - 1
level: medium
mail:
  transport: smtp
  port: 0
hosts:
  - name: a
    prot: 1
  - port: 22
`;
  expect(complaints(text)).toEqual([
    '1:12: directory: must be an absolute path, starting with `/`, but is "var"',
    '2:7: days: must be a whole number (remove the quotes), but is "7"',
    '3:7: flag: must be true or false, but is "on"',
    '4:1: dely: unknown key. Did you mean `delay`?',
    '6:5: words[0]: must be text (put it in quotes), but is the number 1',
    '7:8: level: must be one of `low`, `high`, but is "medium"',
    '8:1: mail.host: is missing: needed with `transport: smtp`',
    '10:9: mail.port: must be at least 1, but is the number 0',
    '13:5: hosts[0].prot: unknown key. Did you mean `port`?',
    '14:5: hosts[1].name: is missing: Its name.',
  ]);
});

describe('YAML is read safely', () => {
  it.each([
    ['a: [1', /^\d+:\d+: not valid YAML: /],
    ['hosts:\n\t- name: a', /^2:1: not valid YAML: a tab/],
    ['days: 1\n---\ndays: 2', /^2:1: not valid YAML here: a second document/],
    ['directory: !!binary aGk=', /^1:12: not valid YAML: Unresolved tag/],
    ['days: *nothing', /^1:7: not valid YAML: `\*nothing` refers to nothing/],
    ['<<: {days: 1}', /^1:1: <<: unknown key/],
    ['__proto__: {days: 1}', /^1:1: __proto__: unknown key/],
    ['constructor: 1', /^1:1: constructor: unknown key/],
  ])('%j', (text, complaint) => {
    const found = complaints(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(complaint);
  });

  it('a bomb of aliases is refused', () => {
    const levels = [...'bcdefgh'].map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index]},`.repeat(9)}]`);
    expect(complaints(['a: &a [x,x,x,x,x,x,x,x,x]', ...levels].join('\n'))[0]).toMatch(/^1:1: the aliases/);
  });

  it('a key that is there twice is a complaint beside the others', () => {
    expect(complaints('days: 1\nflag: no\ndays: 2')).toEqual([
      '2:7: flag: must be true or false, but is "no"',
      '3:1: the key `days` is there a second time; keep one of them',
    ]);
    expect(complaints('days: 1\nflag:\n\n# once more\ndays: 2')).toEqual([
      '2:1: flag: must be true or false, but is empty',
      '5:1: the key `days` is there a second time; keep one of them',
    ]);
  });

  it('no directive brings back YAML 1.1', () => {
    expect(complaints('%YAML 1.1\n---\nflag: yes\n')).toEqual(['3:7: flag: must be true or false, but is "yes"']);
  });
});

it('accepts what is right, with an empty file as an empty section', () => {
  expect(parseConfig('', FILE, schema)).toEqual({});
  expect(parseConfig('---\ndirectory: /srv/\ndelay: 90\nlimit: 1K', FILE, schema)).toEqual({
    directory: '/srv',
    delay: 90_000,
    limit: 1_024,
  });
});

it('whatever the text, the only error is a complaint', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      ...'days|:| |\n|- |&a|*a|{|}|[|]|"|mail|hosts|  |#|!|? |__proto__|null|<<|5|transport|smtp'.split('|'),
    ),
    fc.string({ unit: 'binary', maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      for (const complaint of complaints(pieces.join(''))) expect(complaint).toMatch(/^\d+:\d+: /);
    }),
    { numRuns: 500 },
  );
});
