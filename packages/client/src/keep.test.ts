// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { expiredArchives, unpublishedLeftovers } from './keep.ts';

const now = new Date('2026-11-21T03:00:00Z');
const policy = { hostname: 'web1', keepDays: 7, now };
const file = (name: string, daysOld: number) => ({ name, mtime: new Date(now.getTime() - daysOld * 86_400_000) });

describe('expiredArchives', () => {
  it('names what is older than keep_days, oldest first', () => {
    const files = [
      file('web1-20261120_030000.tar.gz', 1),
      file('web1-20261112_030000.tar.gz', 9),
      file('web1-20261111_030000.tar.gz', 10),
    ];
    expect(expiredArchives(files, policy)).toEqual(['web1-20261111_030000.tar.gz', 'web1-20261112_030000.tar.gz']);
  });

  it('keeps the newest archive whatever its age', () => {
    const files = [file('web1-20260101_030000.tar.gz', 324), file('web1-20260102_030000.tar.gz', 323)];
    expect(expiredArchives(files, policy)).toEqual(['web1-20260101_030000.tar.gz']);
  });

  it('leaves everything alone that is not an archive of this host', () => {
    const old = ['web10-20200101_000000.tar.gz', 'web1-notes.tar.gz', 'web1-20200101_000000.tar.gz.json', 'README'];
    const files = [...old.map((name) => file(name, 1000)), file('web1-20261121_000000.tar.gz', 0)];
    expect(expiredArchives(files, policy)).toEqual([]);
  });
});

describe('unpublishedLeftovers', () => {
  const archive = 'web1-20261121_030000.tar.gz';

  it('finds an archive that was renamed before the run was killed', () => {
    const names = [archive, `${archive}.entries.gz`];
    expect(unpublishedLeftovers(names, 'web1')).toEqual(names);
  });

  it('finds the entry list of an archive that is gone', () => {
    expect(unpublishedLeftovers([`${archive}.entries.gz`], 'web1')).toEqual([`${archive}.entries.gz`]);
  });

  it('leaves published archives, those of the shell client and those of other hosts alone', () => {
    const published = [archive, `${archive}.entries.gz`, `${archive}.json`];
    const other = ['web2-20261121_030000.tar.gz', 'web2-20261121_030000.tar.gz.entries.gz'];
    expect(unpublishedLeftovers([...published, 'web1-20261120_030000.tar.gz', ...other], 'web1')).toEqual([]);
  });
});
