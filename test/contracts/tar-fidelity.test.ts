// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bytesOf } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArchiveLab, createArchiveLab, verifyLab } from '../helpers/archive-lab.ts';

/** Everything that a file system can do to a backup program, in one tree. */
const TREE = `
  echo hello > plain; ln plain hard; mkdir sub; ln plain sub/hard
  ln -s plain link; ln -s /etc/passwd absolute; ln -s ../../gone dangling; ln -s "$(printf 'l%.0s' {1..1000})" long-link
  mkfifo pipe; mkdir empty
  touch -- -dash 'st*r' 'back\\slash' 'back\\101slash' $'new\\nline' $'bad\\xff\\xfe' ü "$(printf 'n%.0s' {1..255})" 'sp ace' "qu'ote"
  mkdir -p "$(printf 'deep-directory/%.0s' {1..40})"; echo deep > "$(printf 'deep-directory/%.0s' {1..40})"$'f\\xff'
  echo attr > attr; setfattr -n user.text -v 'a=b%c' attr; setfattr -n user.binary -v 0x00ff0a attr; setfattr -n trusted.x -v y attr
  cp /bin/true capable; setcap cap_net_raw+ep capable
  echo acl > acl; setfacl -m u:1234:r,g:4321:rwx acl; mkdir acl-dir; setfacl -d -m u:1234:rx acl-dir
  setfattr -h -n trusted.link -v z link
  echo suid > suid; chmod 4755 suid; echo sgid > sgid; chmod 2711 sgid; mkdir sticky; chmod 1777 sticky; echo none > none; chmod 0000 none
  echo nobody > nobody; chown 3000000:4294967294 nobody; chown -h 33:33 link; chmod 0500 acl-dir
  truncate -s 1M all-hole; printf a | dd of=sparse bs=1 seek=5000000 status=none; printf b | dd of=sparse bs=1 seek=9000000 conv=notrunc status=none
  truncate -s 8600000000 huge; printf x | dd of=huge bs=1 seek=8500000000 conv=notrunc status=none; printf y | dd of=huge bs=1 conv=notrunc status=none
  truncate -s 300000 $'sparse-bad\\xff'; printf z >> $'sparse-bad\\xff'
  head -c 512 /dev/urandom > block; head -c 513 /dev/urandom > block-1; : > zero
  touch -d '2021-02-03 04:05:06.123456789' plain; touch -d '1960-01-02 03:04:05.25' nobody; touch -d '2400-01-01 00:00:00.5' zero
  touch -h -d '2001-01-01 00:00:00.000000001' link; touch -d '1999-12-31 23:59:59.999999999' empty sub
`;

/** Everything that can be told about a tree, as text; times with nanoseconds. Of `huge` only its two bytes of data. */
function describeTree(directory: string) {
  const run = (script: string) =>
    execFileSync('bash', ['--norc', '-ec', script], { cwd: directory, env: { ...process.env, LC_ALL: 'C' } }).toString(
      'latin1',
    );
  return {
    facts: run(
      `find . -mindepth 1 -printf '%p|%y|%m|%U|%G|%T@|%l|%n|' \\( ! -type d -printf '%s' -o -true \\) -printf '\\n' | sort`,
    ),
    attributes: run('find . -mindepth 1 -print0 | sort -z | xargs -0 getfattr -h -d -m - -e hex -- 2>/dev/null'),
    acls: run('getfacl -R -P -n -- *'),
    contents: run('find . -type f ! -name huge -print0 | sort -z | xargs -0 sha256sum -z -- | tr "\\0" "\\n"'),
    huge: run('head -c 1 huge; tail -c +8500000001 huge | head -c 1'),
  };
}

let lab: ArchiveLab;
let entries: readonly Entry[];

beforeAll(async () => {
  lab = createArchiveLab();
  lab.make(TREE);
  const writer = await lab.writer();
  const totals = await writer.addTree(lab.request());
  expect(totals.warnings).toEqual([]);
  const finished = await writer.finish();
  await verifyLab(lab, finished);
  entries = await lab.entries();
});

afterAll(() => lab.remove());

describe('what GNU tar unpacks from our archive', () => {
  it('is what was saved, down to the last bit', () => {
    const copy = join(lab.root, '..', 'copy');
    mkdirSync(copy);
    const options = ['-xzpf', lab.archive, '--xattrs', '--xattrs-include=*', '--acls', '--numeric-owner', '-C', copy];
    execFileSync('tar', options);
    const [before, after] = [describeTree(lab.root), describeTree(join(copy, 'web/shop'))];
    expect(before.facts.split('\n').length).toBeGreaterThan(70);
    expect(before.huge).toBe('yx');
    expect(after).toEqual(before);
    const [plain, hard] = ['plain', 'sub/hard'].map((name) => statSync(join(copy, 'web/shop', name)));
    expect(hard?.ino).toBe(plain?.ino);
    expect(statSync(join(copy, 'web/shop/huge')).blocks).toBeLessThan(100);
  });
});

describe('the entry list', () => {
  const facts = (entry: Entry) =>
    statSync(Buffer.concat([Buffer.from(`${lab.root}/`), relative(entry)]), { bigint: true });
  const relative = ({ path }: Entry) => bytesOf(path).subarray('web/shop/'.length);
  const own = () => entries.filter(({ path }) => path.startsWith('web/shop/'));

  it('has every object of the tree', () => {
    const names = execFileSync('find', ['.', '-mindepth', '1', '-print0'], { cwd: lab.root }).toString('latin1');
    const expected = names.split('\0').filter((name) => name !== '');
    expect(
      own()
        .map((entry) => `./${relative(entry).toString('latin1')}`)
        .sort(),
    ).toEqual(expected.sort());
  });

  it('has the facts of each file', () => {
    for (const entry of own().filter(({ type }) => type === 'file')) {
      const { mode, uid, gid, size, mtimeNs } = facts(entry);
      expect(entry).toMatchObject({
        mode: Number(mode) & 0o7777,
        uid: Number(uid),
        gid: Number(gid),
        size: Number(size),
        mtimeNs,
      });
    }
  });

  it('has the sha256 of each file as its reader sees it, holes and all', () => {
    const files = own().filter(({ type, path }) => type === 'file' && !path.endsWith('/huge'));
    const input = Buffer.concat(files.flatMap((entry) => [relative(entry), Buffer.of(0)]));
    const sums = execFileSync('xargs', ['-0', 'sha256sum', '-z', '--'], { cwd: lab.root, input })
      .toString('latin1')
      .split('\0');
    expect(files.map(({ sha256 }) => sha256)).toEqual(sums.slice(0, -1).map((line) => line.slice(0, 64)));
  });

  it('has the sha256 of a file of more than 8 GiB, holes and all', () => {
    const hash = createHash('sha256').update('y');
    const zeros = Buffer.alloc(1_000_000);
    for (let at = 1; at < 8_500_000_000; at += zeros.length) hash.update(zeros.subarray(0, 8_500_000_000 - at));
    hash.update('x');
    for (let at = 8_500_000_001; at < 8_600_000_000; at += zeros.length)
      hash.update(zeros.subarray(0, 8_600_000_000 - at));
    const huge = entries.find(({ path }) => path === 'web/shop/huge');
    expect(huge).toMatchObject({ size: 8_600_000_000, sha256: hash.digest('hex') });
  });

  it('has targets of links as they are', () => {
    const linkOf = (name: string) => entries.find(({ path }) => path === `web/shop/${name}`)?.link;
    expect(linkOf('absolute')).toBe('/etc/passwd');
    expect(linkOf('dangling')).toBe('../../gone');
    expect(linkOf('long-link')).toBe('l'.repeat(1000));
    expect(entries.filter(({ link }) => link === 'web/shop/hard').map(({ path }) => path)).toEqual([
      'web/shop/plain',
      'web/shop/sub/hard',
    ]);
  });
});
