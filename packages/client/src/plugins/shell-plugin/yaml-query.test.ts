// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { UnknownExpression } from './yaml-parse.ts';
import { parseYqArguments, printResults, queryYaml } from './yaml-query.ts';

const VALUE = {
  text: 'a "b"',
  number: 1.5,
  yes: true,
  no: false,
  nothing: null,
  'odd key': 1,
  paths: ['/etc', '/srv'],
  map: { inner: { deep: 'x' }, 'kebab-case': 2 },
  services: { web: { image: 'nginx' }, db: { image: 'postgres' } },
};

const print = (expression: string) => printResults(queryYaml(expression, VALUE));

describe('queryYaml', () => {
  it.each([
    ['.text', 'a "b"\n'],
    ['.map.inner.deep', 'x\n'],
    ['.map.kebab-case', '2\n'],
    ['."odd key"', '1\n'],
    ['.["odd key"]', '1\n'],
    ['.missing', 'null\n'],
    ['.missing.deeper', 'null\n'],
    ['.text.deeper', 'null\n'],
    ['.paths[]', '/etc\n/srv\n'],
    ['.paths[1]', '/srv\n'],
    ['.paths[-1]', '/srv\n'],
    ['.missing[]', ''],
    ['.paths | length', '2\n'],
    ['.services | keys | .[]', 'web\ndb\n'],
    ['.services[].image', 'nginx\npostgres\n'],
    ['.paths', '- /etc\n- /srv\n'],
    ['.map.inner', 'deep: x\n'],
    ['.missing // "default"', 'default\n'],
    ['.missing // ""', '\n'],
    ['.no // "default"', 'default\n'],
    ['.text // "default"', 'a "b"\n'],
    ['.missing[] // ""', '\n'],
    ['.paths[] // ""', '/etc\n/srv\n'],
    ['.missing // .text', 'a "b"\n'],
    ['.paths | type == "!!seq"', 'true\n'],
    ['.map | tag', '!!map\n'],
    ['.number | type', '!!float\n'],
    ['.yes | type', '!!bool\n'],
    ['.nothing | type', '!!null\n'],
    ['.text | type != "!!str"', 'false\n'],
    ['.paths[] | select(. == "/srv")', '/srv\n'],
    ['.map | has("inner")', 'true\n'],
    ['.paths | join(",")', '/etc,/srv\n'],
    ['(.missing // .map).inner.deep', 'x\n'],
    ['.no | not', 'true\n'],
    [' .text ', 'a "b"\n'],
  ])('%s', (expression, text) => {
    expect(print(expression)).toBe(text);
  });

  it.each(['.a = 3', '.a |= 3', '.a + 1', 'env(HOME)', '.a[', '(.a', '.a)', '', '.. | .a', '"\\q"', 'constructor'])(
    '%s is left to the real yq',
    (expression) => {
      expect(() => print(expression)).toThrow(UnknownExpression);
    },
  );

  it('finds nothing that the file does not hold', () => {
    expect(print('.constructor')).toBe('null\n');
    expect(print('.map.__proto__')).toBe('null\n');
  });
});

describe('parseYqArguments', () => {
  it.each([
    [['e', '.a', 'f'], { expression: '.a', file: 'f', isStrict: false }],
    [['eval', '-r', '.a', '-'], { expression: '.a', file: undefined, isStrict: false }],
    [['-e', '.a', 'f'], { expression: '.a', file: 'f', isStrict: true }],
    [['.a'], { expression: '.a', file: undefined, isStrict: false }],
  ])('%j', (args, query) => {
    expect(parseYqArguments(args)).toEqual(query);
  });

  it.each([[['-i', '.a = 1', 'f']], [['e', '.a', 'f', 'g']], [[]], [['-o=json', '.a', 'f']]])(
    '%j is left to the real yq',
    (args) => {
      expect(() => parseYqArguments(args)).toThrow(UnknownExpression);
    },
  );
});
