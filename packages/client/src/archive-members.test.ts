// SPDX-License-Identifier: AGPL-3.0-or-later
import { bytePathOfText } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import type { MemberExtent } from '@local-backup/common/tar-reader';
import { describe, expect, it } from 'vitest';
import { createMemberFilter } from './archive-members.ts';

function entry(path: string, changes: Partial<Entry> = {}): Entry {
  const link = {
    path: bytePathOfText(`web/shop/${path}`),
    type: 'file',
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeNs: 0n,
  } as const;
  return { ...link, ...changes };
}

function filter(directories: readonly string[] = [], parents = false) {
  const known = new Set(directories);
  return { ...createFilter(known, parents), known };
}

function createFilter(directories: Set<string>, parents: boolean) {
  const made = createMemberFilter({ prefix: 'web/shop', root: '/srv', directories, parents });
  return {
    made,
    decide: (one: Entry, extent: Partial<MemberExtent> = {}) =>
      made.decide(one, { metaBytes: 0, sparseRegions: 0, ...extent }),
  };
}

describe('createMemberFilter', () => {
  it.each<[string, Entry, Partial<MemberExtent>]>([
    ['it is a device', entry('x', { type: 'block' }), {}],
    ['its path in the archive has more than 4095 bytes', entry('x'.repeat(4087)), {}],
    [
      'its target in the archive has more than 4095 bytes',
      entry('x', { type: 'hardlink', link: bytePathOfText('l'.repeat(4096)) }),
      {},
    ],
    ['it lies deeper than 1000 directories', entry('d/'.repeat(999)), {}],
    ['its extended attributes take more than 1048576 bytes', entry('x'), { metaBytes: 1048577 }],
    ['it has more than 1000000 parts with holes between them', entry('x'), { sparseRegions: 1_000_001 }],
  ])('leaves out a member: %s', (complaint, one, extent) => {
    const { made, decide } = filter();
    expect(decide(one, extent)).toBe('drop');
    expect(made.dropped).toBe(1);
    expect(made.warnings).toEqual([expect.stringMatching(new RegExp(`^/srv/.* was left out: ${complaint}$`))]);
  });

  it('leaves out what lies beneath, or is linked to, what was left out', () => {
    const { made, decide } = filter();
    expect(decide(entry('dir', { type: 'directory' }), { metaBytes: 2 ** 21 })).toBe('drop');
    expect(decide(entry('dir/a'))).toBe('drop');
    expect(decide(entry('dir/sub', { type: 'directory' }))).toBe('drop');
    expect(decide(entry('dir/sub/b'))).toBe('drop');
    expect(decide(entry('link', { type: 'hardlink', link: bytePathOfText('web/shop/dir/a') }))).toBe('drop');
    expect(decide(entry('dir2'))).toBe('keep');
    expect(made.warnings[1]).toBe('/srv/dir/a was left out: its directory was left out');
    expect(made.warnings[4]).toBe('/srv/link was left out: it is another name of a file that was left out');
  });

  it('keeps a directory once, and remembers parents', () => {
    const { decide, known } = filter(['web/shop'], true);
    expect(decide(entry('', { path: bytePathOfText('web/shop'), type: 'directory' }))).toBe('drop');
    expect(decide(entry('var', { type: 'directory' }))).toBe('keep');
    expect(decide(entry('var', { type: 'directory' }))).toBe('drop');
    expect(known.has('web/shop/var')).toBe(true);
  });

  it('names no more members than a report has room for', () => {
    const { made, decide } = filter();
    for (let index = 0; index < 150; index += 1) decide(entry(`${index}`, { type: 'character' }));
    expect(made.warnings).toHaveLength(100);
    expect(made.dropped).toBe(150);
  });
});
