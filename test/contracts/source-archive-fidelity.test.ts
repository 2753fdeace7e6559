// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Trail } from '../../packages/server/src/report/trail.ts';
import {
  type ArchivePlace,
  bring,
  createArchivePlace,
  createTestTrail,
  STAMP,
  writeFiles,
} from '../helpers/archive-place.ts';
import { archive, type Member } from '../helpers/tar-builder.ts';

const SHARED = '--numeric-owner --xattrs --xattrs-include=* --acls'.split(' ');

/** As a shell script: names, links, modes, owners, times and holes that are easily lost. */
const ODDITIES = `
  mkdir -p web/shop/locked web/shop/$'new\\nline' && cd web/shop
  ln data/a second; ln -s /etc/passwd absolute; ln -s ../../.. up; ln -s nowhere dangling; mkfifo pipe
  ln absolute second-link
  printf x > $'caf\\xe9'; printf y > $'caf\\xe8'; printf z > "$(printf 'n%.0s' {1..255})"
  printf s > suid; chown 1234:5678 suid; chmod 6755 suid
  truncate -s 20M sparse; printf end >> sparse
  touch -d '2001-02-03 04:05:06.123456789' data/b; touch -h -d '1969-12-31 23:59:58.5' dangling
  printf k > locked/key; chmod 0400 locked/key; chmod 0500 locked; chmod 1777 $'new\\nline'
  touch -d '2002-02-02 02:02:02.000000001' locked data`;

/** Extended attributes and ACLs, made by tar so that no other tool is needed. */
const ATTRIBUTES: readonly Member[] = [
  { name: 'web/shop/note', body: 'x', pax: { 'SCHILY.xattr.user.note': 'hello' } },
  { name: 'web/shop/capable', body: 'x', mode: 0o755, pax: { 'SCHILY.xattr.security.capability': capability() } },
  {
    name: 'web/shop/shared/',
    type: '5',
    pax: {
      'SCHILY.acl.access': 'user::rwx\nuser:4321:rw-\ngroup::r-x\nmask::rwx\nother::r-x\n',
      'SCHILY.acl.default': 'user::rwx\nuser:4321:rwx\ngroup::r-x\nmask::rwx\nother::---\n',
    },
  },
];

/** `cap_net_raw+ep` as the kernel keeps it (struct vfs_cap_data, version 2). */
function capability(): string {
  const words = Buffer.alloc(20);
  words.writeUInt32LE(0x02000001, 0);
  words.writeUInt32LE(1 << 13, 4);
  return words.toString('latin1');
}

describe('archive source: what is restored is what was saved', () => {
  let place: ArchivePlace;
  let trail: Trail;
  beforeEach(() => {
    place = createArchivePlace();
    trail = createTestTrail();
    writeFiles(place.source, { 'web/shop/data/a': 'one', 'web/shop/data/b': 'x'.repeat(300_000) });
  });
  afterEach(() => place.close());

  const inTree = (path: string) => join(place.liveDirectory, path);
  const addToSource = (members: readonly Member[]) => {
    const options = ['--extract', '--file=-', `--directory=${place.source}`, ...SHARED];
    execFileSync('tar', options, { input: archive(...members) });
  };

  test.each([
    ['with', true],
    ['without', false],
  ])('an odd tree %s a member for its root', async (_, withRoot) => {
    execFileSync('bash', ['--norc', '-e', '-c', ODDITIES], { cwd: place.source });
    addToSource(ATTRIBUTES);
    execFileSync('touch', ['-d', '2003-03-03 03:03:03.333333333', place.source]);
    await place.publish(STAMP, { withRoot });
    expect((await bring(place.open(), trail)).odd).toEqual([]);
    expect(listed(place.liveDirectory)).toEqual(listed(place.source));
    expect(fingerprint(place.liveDirectory)).toBe(fingerprint(place.source));
    expect(statSync(inTree('web/shop/sparse')).blocks).toBeLessThan(1000);
    const root = execFileSync('stat', ['-c', '%y', place.liveDirectory]).toString();
    expect(root).toMatch(withRoot ? /^2003-03-03 03:03:03.333333333/ : /^2026-11-21 03:00:00.000000000/);
  });

  test('an attribute that cannot be kept is a warning that names it', async () => {
    addToSource([{ name: 'web/shop/layer', body: 'x', pax: { 'SCHILY.xattr.trusted.overlay.opaque': 'y' } }]);
    await place.publish(STAMP);
    const { odd } = await bring(place.open(), trail);
    expect(odd).toEqual([expect.stringMatching(/'trusted\.overlay\.opaque' of '?web\/shop\/layer/)]);
  });

  test('the snapshot proves itself: entry list and manifest lie beside the data', async () => {
    const { files } = await place.publish(STAMP);
    await bring(place.open(), trail);
    expect(readFileSync(inTree('.backup/entries.gz'))).toEqual(place.spool.get(files[1] as string));
    expect(readFileSync(inTree('.backup/manifest.json'))).toEqual(place.spool.get(files[2] as string));
  });
});

/** What GNU tar sees of a tree, without the proof: types, modes, owners, sizes, times, names, targets, attributes. */
function listed(directory: string): string[] {
  const options = ['--list', '-vv', '--full-time', '--file=-', ...SHARED];
  return execFileSync('tar', options, { input: packed(directory), encoding: 'latin1' }).split('\n');
}

/** Equal where everything that GNU tar can see of two trees is, content included. */
function fingerprint(directory: string): string {
  return createHash('sha256').update(packed(directory)).digest('hex');
}

function packed(directory: string): Buffer {
  const members = readdirSync(directory).filter((name) => name !== '.backup');
  const pax = '--pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f';
  const options = ['--create', '--file=-', '--format=posix', pax, '--sort=name', ...SHARED];
  return execFileSync('tar', [...options, ...members.sort()], { cwd: directory, maxBuffer: 64 * 1024 ** 2 });
}
