// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { parseDiff, parseFound, parseListed } from './messages.ts';

/** As restic 0.14 and 0.18 have written it. */
const NODE = `{"name":"a.conf","type":"file","path":"/web/a.conf","uid":33,"gid":0,"size":3,"mode":8389101,"permissions":"urwxr-xr-x","mtime":"2026-11-21T14:41:43.700469097Z","atime":"2026-11-21T14:41:43Z","ctime":"2026-11-21T14:41:43Z","struct_type":"node"}`;
const DIRECTORY = `{"name":"tmp","type":"dir","path":"/tmp","uid":0,"gid":0,"mode":2148532735,"mtime":"2026-11-21T14:41:43.7Z","inode":2261154,"message_type":"node","struct_type":"node"}`;
const SNAPSHOT = `{"time":"2026-11-21T14:41:46.6Z","tree":"58","paths":["/live"],"id":"55","struct_type":"snapshot"}`;
const ID = '5'.repeat(64);

it('an item of a listing', () => {
  expect(parseListed(NODE)).toEqual({
    ...{ path: 'web/a.conf', type: 'file', mode: 0o4755, uid: 33, gid: 0, size: 3 },
    mtime: '2026-11-21T14:41:43.700469097Z',
  });
  expect(parseListed(DIRECTORY)).toMatchObject({ path: 'tmp', type: 'directory', mode: 0o1777, size: 0 });
  expect(parseListed(SNAPSHOT)).toBeUndefined();
  expect(parseListed('repository 5d opened')).toBeUndefined();
  expect(() => parseListed(NODE.replace('"file"', '"irregular"'))).toThrow();
});

it('what a search has found', () => {
  const found = `[{"matches":[${NODE}],"hits":1,"snapshot":"${ID}"},{"matches":null,"hits":0,"snapshot":"${ID}"}]`;
  expect(parseFound(['', found])).toEqual([
    { snapshot: ID, items: [expect.objectContaining({ path: 'web/a.conf' })] },
    { snapshot: ID, items: [] },
  ]);
  expect(parseFound(['[]'])).toEqual([]);
  expect(parseFound(['Fatal: no'])).toBeUndefined();
});

it.each([
  ['{"message_type":"change","path":"/web/new/","modifier":"+"}', { change: { path: 'web/new', kind: 'added' } }],
  ['{"message_type":"change","path":"/p","modifier":"-"}', { change: { path: 'p', kind: 'removed' } }],
  ['{"message_type":"change","path":"/p","modifier":"M"}', { change: { path: 'p', kind: 'changed' } }],
  ['{"message_type":"change","path":"/p","modifier":"T"}', { change: { path: 'p', kind: 'type' } }],
  [
    '{"message_type":"statistics","changed_files":2,"added":{"files":1,"bytes":4050},"removed":{"files":0,"bytes":3640}}',
    { bytes: { added: 4050, removed: 3640 } },
  ],
  ['comparing snapshot 1 to 2', undefined],
])('%s', (line, expected) => {
  expect(parseDiff(line)).toEqual(expected);
});
