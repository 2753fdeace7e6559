// SPDX-License-Identifier: AGPL-3.0-or-later
import { bytePathOfText } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { describe, expect, it } from 'vitest';
import { createJudge } from './sent-tar.ts';

function entryOf(path: string, type: Entry['type'] = 'file', link?: string): Entry {
  const rest = { mode: 0o600, uid: 0, gid: 0, size: 0, mtimeNs: 0n };
  return { path: bytePathOfText(path), type, ...rest, ...(link === undefined ? {} : { link: bytePathOfText(link) }) };
}

const judge = (...entries: readonly Entry[]) => {
  const take = createJudge('web/shop');
  for (const entry of entries) take(entry);
};

describe('members of a tar file that the server has sent', () => {
  it('may be anything within the service', () => {
    judge(
      entryOf('web/shop', 'directory'),
      entryOf('web/shop/a'),
      entryOf('web/shop/link', 'symlink', '/etc/passwd'),
      entryOf('web/shop/linked', 'file'),
      entryOf('web/shop/b', 'hardlink', 'web/shop/a'),
      entryOf('web/shop/pipe', 'fifo'),
    );
  });

  it.each([
    ['a file elsewhere', entryOf('etc/passwd')],
    ['another service', entryOf('web/shopping/a')],
    ['the type alone', entryOf('web', 'directory')],
    ['a way upwards', entryOf('web/shop/../../etc/passwd')],
    ['a device', entryOf('web/shop/sda', 'block')],
    ['a second name of a file elsewhere', entryOf('web/shop/a', 'hardlink', 'etc/shadow')],
    ['a second name that leads upwards', entryOf('web/shop/a', 'hardlink', 'web/shop/../../etc/shadow')],
  ])('are not: %s', (_, entry) => expect(() => judge(entry)).toThrow(/^it holds .*, which /));

  it('do not lie beneath a symbolic link', () => {
    const link = entryOf('web/shop/a', 'symlink', '/etc');
    expect(() => judge(link, entryOf('web/shop/a/b/passwd'))).toThrow('lies beneath a symbolic link');
  });
});
