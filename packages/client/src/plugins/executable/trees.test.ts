// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { treesOf } from './trees.ts';

const tree = (paths: readonly string[], into = 'data') => {
  return { root: '/srv', paths, exclude: [], into, one_file_system: true };
};

it('keep their paths, each once', () => {
  const [first, second] = treesOf([tree(['a/', './b//c', 'a', 'ab']), tree(['a'], 'more')], 'thing');
  expect(first).toEqual({
    into: 'thing-data',
    root: '/srv',
    paths: ['a', 'b/c', 'ab'],
    exclude: [],
    oneFileSystem: true,
  });
  expect(second?.into).toBe('thing-more');
  expect(treesOf([tree(['./'])], 'thing')[0]?.paths).toEqual(['.']);
});

it.each([
  ['in one tree', [tree(['a/b', 'a'])]],
  ['all and a part of it', [tree(['a', '.'])]],
  ['in two trees', [tree(['a']), tree(['./a'])]],
  ['one within the other', [tree(['a']), tree(['a/b/c'])]],
])('are refused where something would be saved twice: %s', (_, told) => {
  expect(() => treesOf(told, 'thing')).toThrow(/thing names .*would be saved twice/);
});
