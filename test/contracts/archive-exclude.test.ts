// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkExcludePattern, escapeExcludePattern } from '../../packages/client/src/exclude-pattern.ts';
import { type ArchiveLab, createArchiveLab, pathsOf } from '../helpers/archive-lab.ts';

let lab: ArchiveLab;

/** Everything that is in the tree. */
const ALL = [
  'a',
  'a/b',
  'a/b/log',
  'a/b/log/x',
  'a/b/x.tmp',
  'a/bb',
  'a/cache',
  'cache',
  'cache/.hid',
  'cache/sub',
  'cache/sub/y',
  'log',
  'log/a',
  'st*r',
  'star',
  'x.tmp',
];

beforeAll(() => {
  lab = createArchiveLab();
  lab.make(
    'mkdir -p a/b/log cache/sub log; touch a/b/log/x a/b/x.tmp a/bb a/cache cache/.hid cache/sub/y log/a "st*r" star x.tmp',
  );
});

afterAll(() => lab.remove());

async function saved(exclude: readonly string[], paths = ['.']): Promise<string[]> {
  const writer = await lab.writer();
  await writer.addTree(lab.request({ exclude, paths: pathsOf(...paths) }));
  await writer.finish();
  const names = (await lab.entries()).slice(2).map(({ path }) => path.slice('web/shop/'.length));
  await writer.abort();
  lab.make('rm -f ../archive.tar.gz*');
  return names;
}

describe('a pattern leaves out what rsync would', () => {
  it.each<[string, (path: string) => boolean]>([
    ['*.tmp', (path) => path.endsWith('.tmp')],
    ['log', (path) => /(^|\/)log(\/|$)/.test(path)],
    ['/log', (path) => /^log(\/|$)/.test(path)],
    ['b/log', (path) => path.startsWith('a/b/log')],
    ['/a/b', (path) => /^a\/b(\/|$)/.test(path)],
    ['/a/*', (path) => path.startsWith('a/')],
    ['a/b?', (path) => path === 'a/bb'],
    ['/*.tmp', (path) => path === 'x.tmp'],
    ['/a/**', (path) => path.startsWith('a/')],
    ['**/log', (path) => /(^|\/)log(\/|$)/.test(path)],
    ['a/**x', (path) => path === 'a/b/log/x'],
    ['[xy]*', (path) => /(^|\/)[xy][^/]*$/.test(path)],
    ['st\\*r', (path) => path === 'st*r'],
    ['nothing', () => false],
  ])('%s', async (pattern, isOut) => {
    expect(checkExcludePattern(pattern)).toBeUndefined();
    expect(await saved([pattern])).toEqual(ALL.filter((path) => !isOut(path)));
  });

  it('with a trailing slash: the directory stays, empty, and a file of that name stays too', async () => {
    const inCache = (path: string) => path.startsWith('cache/');
    expect(await saved(['cache/'])).toEqual(ALL.filter((path) => !inCache(path)));
    expect(await saved(['/cache/'])).toEqual(ALL.filter((path) => !inCache(path)));
    expect(await saved(['/a/'])).toEqual(ALL.filter((path) => !path.startsWith('a/')));
  });

  it('several at once, each in its own way', async () => {
    const isOut = (path: string) => path.endsWith('.tmp') || path.startsWith('a/b/log/') || path.startsWith('cache');
    expect(await saved(['/a/b/log/**', '*.tmp', '/cache'])).toEqual(ALL.filter((path) => !isOut(path)));
  });

  it('but not what was asked for by name below, nor its parents', async () => {
    expect(await saved(['b', '/a'], ['a/b/log'])).toEqual(['a', 'a/b', 'a/b/log', 'a/b/log/x']);
  });

  it('and an escaped path is that path alone', async () => {
    expect(await saved([escapeExcludePattern('/st*r')])).toEqual(ALL.filter((path) => path !== 'st*r'));
  });
});
