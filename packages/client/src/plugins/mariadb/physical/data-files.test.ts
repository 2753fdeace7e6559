// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { checkpointsComplaint, fileDifference, isToolFile, strangeNames, tablespaceComplaint } from './data-files.ts';
import { FILE_PATH, seriesNumber, versionNumber } from './record.ts';

const NAME = 'xtrabackup_checkpoints';

describe('what mariadb-backup says of a copy', () => {
  const text = (kind: string, [from, to, last]: readonly number[]) =>
    `backup_type = ${kind}\nfrom_lsn = ${from}\nto_lsn = ${to}\nlast_lsn = ${last}\nrecover_binlog_info = 0\n`;

  it('a full copy that was prepared, and whose log reaches to its end, is one', () => {
    expect(checkpointsComplaint(text('log-applied', [0, 44_404, 773_878]), NAME)).toBeUndefined();
    expect(checkpointsComplaint(text('full-prepared', [0, 1, 1]), NAME)).toBeUndefined();
  });

  it.each([
    [text('full-backuped', [0, 1, 2]), 'says `full-backuped`, not that it is prepared'],
    [text('log-applied', [5, 10, 20]), 'no full copy'],
    [text('log-applied', [0, 20, 10]), 'ends before the data does'],
    ['backup_type = log-applied\nfrom_lsn = 0\n', 'ends before the data does'],
    ['', 'says ``'],
  ])('%j is none', (given, message) => {
    expect(checkpointsComplaint(given, NAME)).toContain(message);
  });
});

describe('files of a copy', () => {
  const file = (path: string, bytes = 1) => ({ path, bytes, allocated: 512 });

  it('are those that were written down, with their sizes', () => {
    const written = [file('ibdata1'), file('shop/a.ibd', 5), file('shop/b.ibd')];
    const there = { files: written, others: [] };
    expect(fileDifference(written, there)).toBeUndefined();
    const other = { files: [file('ibdata1'), file('shop/a.ibd', 4), file('ev\nil')], others: ['shop/link'] };
    expect(fileDifference(written, other)).toBe(
      'shop/a.ibd has 4 bytes, not 5; shop/b.ibd is missing; ev\\nil was not saved; shop/link was not saved',
    );
    expect(fileDifference([], { files: Array.from({ length: 9 }, (_, i) => file(`${i}`)), others: [] })).toContain(
      '; 4 more',
    );
  });

  it('have names that lead nowhere else', () => {
    const names = ['ibdata1', 'shop/@1o@002db.ibd', 'shop/p#P#p0.ibd', 'a/b/c.sst'];
    const strange = ['/etc/passwd', '../x', 'a/../b', '.hidden', 'a/.b', 'a//b', 'a b', 'a/b/c/d', 'ü', 'a\nb', ''];
    expect([...names, ...strange].filter((name) => FILE_PATH.test(name))).toEqual(names);
    expect(strangeNames({ files: [file('ok'), file('not ok')], others: ['link'] })).toEqual(['not ok', 'link']);
  });

  it('are all that the server would make by itself', () => {
    const there = { files: [file('ibdata1', 79_691_776), file('ibdata2', 12 * 1024 ** 2)], others: [] };
    const complaint = (setting: string) => tablespaceComplaint(setting, there);
    expect(complaint('ibdata1:12M:autoextend')).toBeUndefined();
    expect(complaint('ibdata1:76M;ibdata2:12m:autoextend:max:1G')).toBeUndefined();
    expect(complaint('ibdata1:12M;ibdata3:900G')).toContain('names ibdata3:900G, which is not in the copy');
    for (const setting of ['ibdata1:77M', 'ibdata1', '', 'ibdata1:12T']) expect(complaint(setting)).toContain('names ');
  });

  it('are not all for the server', () => {
    const names = ['xtrabackup_info', 'mariadb_backup_info', 'backup-my.cnf', 'ibdata1', 'shop/xtrabackup_info'];
    expect(names.filter((name) => !isToolFile(name))).toEqual(['ibdata1', 'shop/xtrabackup_info']);
  });
});

it('versions can be compared, as texts could not', () => {
  expect(versionNumber('10.11.6-MariaDB-0+deb12u1')).toBe(10_011_006);
  expect(seriesNumber('based on MariaDB server 10.11.19-MariaDB debian-linux-gnu')).toBe(10_011);
  expect(seriesNumber('10.6.1') < seriesNumber('10.11.1')).toBe(true);
  expect(versionNumber('none')).toBe(0);
});
