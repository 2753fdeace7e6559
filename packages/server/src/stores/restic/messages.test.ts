// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import { errorText, parseMessage, parseRepositoryId, parseSnapshots } from './messages.ts';

const SUMMARY_0_14 =
  '{"message_type":"summary","files_new":3,"files_changed":0,"files_unmodified":0,"dirs_new":2,"dirs_changed":0,' +
  '"dirs_unmodified":0,"data_blobs":4,"tree_blobs":3,"data_added":3147838,"total_files_processed":3,' +
  '"total_bytes_processed":3145732,"total_duration":0.237474876,"snapshot_id":"562cc718"}';

describe('lines of restic backup --json', () => {
  test('the summary', () => {
    expect(parseMessage(SUMMARY_0_14)).toMatchObject({
      message_type: 'summary',
      files_new: 3,
      snapshot_id: '562cc718',
    });
  });

  test.each([
    [
      '0.14',
      '{"message_type":"error","error":{"Op":"open","Path":"bad","Err":13},"during":"archival","item":"/live/bad"}',
    ],
    ['0.14, empty', '{"message_type":"error","error":{},"during":"archival","item":"/live/bad"}'],
    [
      '0.18',
      '{"message_type":"error","error":{"message":"open bad: permission denied"},"during":"archival","item":"/live/bad"}',
    ],
  ])('an item that could not be read, as %s tells it', (_version, line) => {
    expect(parseMessage(line)).toMatchObject({ message_type: 'error', item: '/live/bad' });
  });

  test.each([
    '',
    'repo already locked, waiting up to 0s for the lock',
    '{"message_type":"status","percent_done":0,"total_files":1}',
    '{"message_type":"summary","files_new":3}',
    SUMMARY_0_14.replace('"files_new":3', '"files_new":-3'),
    SUMMARY_0_14.replace('562cc718', 'latest'),
    '{"message_type":',
  ])('everything else is none: %j', (line) => {
    expect(parseMessage(line)).toBeUndefined();
  });
});

test('the text for people leaves out messages about items and unwraps the last words', () => {
  const stderr = [
    'unable to open cache',
    '{"message_type":"error","error":{},"item":"/live/Fatal: wrong password or no key found"}',
    '{"message_type":"exit_error","code":11,"message":"locked\\nby PID 7"}',
    '',
  ].join('\n');
  expect(errorText(stderr)).toBe('unable to open cache\nlocked\nby PID 7');
});

describe('restic snapshots --json', () => {
  const id = (digit: string) => digit.repeat(64);
  const item = (digit: string, time: string, more = {}) => ({ id: id(digit), time, hostname: 'web1', ...more });
  const parse = (items: readonly object[]) => parseSnapshots(['prose', JSON.stringify(items)], 'web1');

  test('oldest first, times in UTC, other hosts left out', () => {
    const list = parse([
      item('b', '2026-01-02T01:00:00.556577497+01:00', { tags: ['web1', '20260102_000000'] }),
      item('a', '2026-01-01T00:00:00Z'),
      item('c', '2026-01-03T00:00:00Z', { hostname: 'db1' }),
    ]);
    expect(list).toEqual([
      { id: id('a'), time: '2026-01-01T00:00:00.000Z', tags: [] },
      { id: id('b'), time: '2026-01-02T00:00:00.556Z', tags: ['web1', '20260102_000000'] },
    ]);
  });

  test('nothing is an empty list, but no list is not', () => {
    expect(parse([])).toEqual([]);
    expect(parseSnapshots([], 'web1')).toBeUndefined();
    expect(parseSnapshots(['[{"id":'], 'web1')).toBeUndefined();
    expect(parse([item('a', 'yesterday')])).toBeUndefined();
    expect(parse([{ ...item('a', '2026-01-01T00:00:00Z'), id: 'short' }])).toBeUndefined();
  });
});

test('the id of a repository', () => {
  const config = `{\n  "version": 2,\n  "id": "${'d'.repeat(64)}",\n  "chunker_polynomial": "385322669d76a9"\n}\n`;
  expect(parseRepositoryId(config)).toBe('d'.repeat(64));
  expect(parseRepositoryId(`repo already locked, waiting up to 5s for the lock\n${config}`)).toBe('d'.repeat(64));
  expect(parseRepositoryId('')).toBeUndefined();
  expect(parseRepositoryId('{"version":2}')).toBeUndefined();
});
