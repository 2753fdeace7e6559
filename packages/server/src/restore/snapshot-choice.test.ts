// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { chooseByName, parseSnapshotName, parseWhen } from './snapshot-choice.ts';

const HOSTS = ['web1', 'db1', 'deadbeef'];

/** Snapshots of one host; the id begins with the position. */
const snapshots = [
  ['2026-11-18T03:00:10.500Z', '20261118_025900'],
  ['2026-11-20T03:00:10.500Z', '20261120_025900'],
  ['2026-11-20T14:30:45.123Z', '20261120_142900'],
  ['2026-11-21T03:00:10.500Z', '20261121_025900'],
].map(([time = '', stamp = ''], index) => ({
  ...{ id: `${index}`.repeat(8) + 'abcdef01'.repeat(7), time, tags: ['web1', stamp] },
}));

function choose(when: string, unproven: readonly string[] = [], all = snapshots) {
  const { snapshot, why } = chooseByName({ host: 'web1', snapshots: all, unproven }, parseWhen(when));
  return `${snapshot.id[0]}: ${why}`;
}

describe('what is written for a snapshot', () => {
  it.each([
    ['web1', 'web1', { kind: 'latest' }],
    ['web1@latest', 'web1', { kind: 'latest' }],
    ['web1@0123abcd', 'web1', { kind: 'id', id: '0123abcd' }],
    ['0123abcd', undefined, { kind: 'id', id: '0123abcd' }],
    ['deadbeef', 'deadbeef', { kind: 'latest' }],
    ['web1@20261120_142900', 'web1', { kind: 'archive', stamp: '20261120_142900' }],
  ])('%s', (text, host, when) => {
    expect(parseSnapshotName(text, HOSTS)).toEqual({ host, when });
  });

  it.each([
    ['2026-11-20', '2026-11-20', Date.UTC(2026, 10, 20), Date.UTC(2026, 10, 21)],
    ['2026-11-20 14:30', '2026-11-20 14:30', undefined, Date.UTC(2026, 10, 20, 14, 31)],
    ['2026-11-20T14:30', '2026-11-20 14:30', undefined, Date.UTC(2026, 10, 20, 14, 31)],
    ['2026-11-20T14:30:45Z', '2026-11-20 14:30:45', undefined, Date.UTC(2026, 10, 20, 14, 30, 46)],
    ['2026-11-20 14:30:45 UTC', '2026-11-20 14:30:45', undefined, Date.UTC(2026, 10, 20, 14, 30, 46)],
  ])('%s is a time', (text, shown, from, until) => {
    expect(parseWhen(text)).toEqual({ kind: 'time', text: shown, until, ...(from === undefined ? {} : { from }) });
  });

  it.each([
    '',
    'yesterday',
    '2026-02-31',
    '2026-11-20 25:00',
    '2026-11-20 1',
    '0123abc',
    'ABCDEF01',
    '20261399_000000',
  ])('%j is nothing', (text) => {
    expect(() => parseWhen(text)).toThrow(/names no snapshot\. Possible are HOST,/);
  });

  it('an unknown host is told with those that there are', () => {
    expect(() => parseSnapshotName('web2@latest', HOSTS)).toThrow(/no host "web2" .*\nConfigured hosts: web1, db1/);
    expect(() => parseSnapshotName('\x1b[2J', HOSTS)).toThrow(String.raw`no host "\x1b[2J"`);
  });
});

describe('which snapshot that is', () => {
  it.each([
    ['latest', '3: the newest'],
    ['11111111', '1: as asked'],
    ['20261120_142900', '2: as asked'],
    ['2026-11-20', '2: the newest of 2026-11-20 (UTC)'],
    ['2026-11-20 14:30', '2: the newest not newer than 2026-11-20 14:30 UTC'],
    ['2026-11-20 14:29', '1: the newest not newer than 2026-11-20 14:29 UTC'],
    ['2026-11-20 14:30:44', '1: the newest not newer than 2026-11-20 14:30:44 UTC'],
    ['2026-11-20 14:30:45', '2: the newest not newer than 2026-11-20 14:30:45 UTC'],
    ['2030-01-01 00:00', '3: the newest not newer than 2030-01-01 00:00 UTC'],
  ])('%s: %s', (when, expected) => {
    expect(choose(when)).toBe(expected);
  });

  it('one that was not proven whole is taken only where there is no other, and that is said', () => {
    const doubtful = ['20261121_025900', '20261120_142900'];
    expect(choose('latest', doubtful)).toBe('1: the newest that is whole; 33333333 is newer but was not proven whole');
    expect(choose('2026-11-20', doubtful)).toBe(
      '1: the newest of 2026-11-20 (UTC) that is whole; 22222222 is newer but was not proven whole',
    );
    expect(choose('2026-11-21', doubtful)).toMatch(/^3: .*NOT proven whole/);
    expect(choose('33333333', doubtful)).toBe('3: as asked; it was NOT proven whole, files may be missing');
  });

  it('what is not there is answered with what there is', () => {
    expect(() => choose('2026-11-19')).toThrow(
      'There is no snapshot of web1 of 2026-11-19 (UTC). There are 4, the oldest 00000000 (2026-11-18 03:00:10 UTC), ' +
        'the newest 33333333 (2026-11-21 03:00:10 UTC). Nearest: before it 00000000 (2026-11-18 03:00:10 UTC), after ' +
        'it 11111111 (2026-11-20 03:00:10 UTC). All of them: backup-server snapshots web1',
    );
    expect(() => choose('2026-11-01 12:00')).toThrow('Nearest: after it 00000000 (2026-11-18 03:00:10 UTC). All');
    expect(() => choose('20261120_000000')).toThrow(/made from the archive 20261120_000000\. .*before it 00000000/);
    expect(() => choose('2020-01-01', [], snapshots.slice(0, 1))).toThrow(
      'There is one, 00000000 (2026-11-18 03:00:10 UTC). All of them',
    );
    expect(() => choose('2020-01-01', [], [])).toThrow('There is no snapshot of web1 yet.');
    expect(() => choose('20261119')).toThrow(
      'No snapshot of web1 has the id "20261119". If the day is meant: web1@2026-11-19',
    );
    expect(() => choose('99999999')).toThrow('No snapshot of web1 has the id "99999999".');
  });
});
