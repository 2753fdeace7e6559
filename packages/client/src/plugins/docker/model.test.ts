// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { namedFiles } from './env-files.ts';
import { defaultProjectName, mergeModels, parseModel, readComposeYaml } from './model.ts';
import { pinnedYaml } from './pin.ts';
import { placeOf } from './places.ts';

describe('a compose file', () => {
  it('with both forms of depends_on, external volumes and what only compose knows', () => {
    const text = `
      services:
        web: {depends_on: {db: {condition: service_healthy}}, ports: !reset []}
        api: {depends_on: [db]}
        db:
      volumes: {data: , far: {external: true}, old: {external: {name: older}}, own: {name: mine}}`;
    expect(parseModel(text, 'c.yml')).toEqual({
      name: undefined,
      services: ['web', 'api', 'db'],
      dependencies: { web: ['db'], api: ['db'], db: [] },
      volumes: {
        data: { name: undefined, isExternal: false },
        far: { name: undefined, isExternal: true },
        old: { name: 'older', isExternal: true },
        own: { name: 'mine', isExternal: false },
      },
    });
  });

  it('without services is none', () => {
    expect(parseModel('', 'c.yml')).toBeUndefined();
    expect(parseModel('services: {}', 'c.yml')).toBeUndefined();
    expect(() => parseModel('services: [', 'c.yml')).toThrow('not valid YAML');
  });

  it('is added to by the next one', () => {
    const [a, b] = [
      parseModel('services: {a: {depends_on: [b]}}', ''),
      parseModel('services: {a: {depends_on: [c]}, c: }', ''),
    ];
    expect(mergeModels([a, b].flatMap((model) => model ?? []))).toMatchObject({
      services: ['a', 'c'],
      dependencies: { a: ['b', 'c'], c: [] },
    });
  });

  it('names files in many ways', () => {
    const text = `
      x-base: &base {env_file: base.env}
      include: [other.yml, {path: [third.yml], env_file: third.env}]
      services:
        a: {<<: *base, env_file: [a.env, {path: b.env, required: false}], extends: {file: up.yml, service: a}}
        b: {env_file: c.env}
      configs: {c: {file: ./c.conf}}
      secrets: {s: {file: ./s.txt}, t: {environment: X}}`;
    expect(namedFiles(readComposeYaml(text, 'c.yml')).map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      ...['compose other.yml', 'compose third.yml', 'env_file third.env', 'env_file base.env', 'env_file a.env'],
      ...['env_file b.env', 'compose up.yml', 'env_file c.env', 'file ./c.conf', 'file ./s.txt'],
    ]);
  });
});

it.each([
  ['My Shop_2', 'myshop_2'],
  ['_x.y', 'xy'],
])('the directory %j makes the project %s', (name, project) => {
  expect(defaultProjectName(name)).toBe(project);
});

it('files keep their place in the project, others their whole path', () => {
  expect(placeOf('/opt/shop/env/a.env', '/opt/shop')).toBe('env/a.env');
  expect(placeOf('/opt/shop2/a.env', '/opt/shop')).toBe('outside/opt/shop2/a.env');
});

it('the pinned file is YAML, also with odd names and without images', () => {
  const text = pinnedYaml({ 'on.off': 'nginx@sha256:0', y: 'a: b' });
  expect(readComposeYaml(text, 'p')).toEqual({
    services: { 'on.off': { image: 'nginx@sha256:0' }, y: { image: 'a: b' } },
  });
  expect(readComposeYaml(pinnedYaml({}), 'p')).toEqual({ services: {} });
});
