// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findInDirectory } from '../../packages/client/src/restore/directory-source.ts';
import { findCopy } from '../../packages/client/src/restore/find-copy.ts';
import { copyTree, makeTarget } from '../../packages/client/src/restore/put-copy.ts';
import { unpackSource } from '../../packages/client/src/restore/unpack.ts';
import { readServiceCopy } from '../../packages/client/src/verify-copy.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { describeArchive } from '../helpers/make-archive.ts';
import { silentLog } from '../helpers/silent-log.ts';
import type { Member } from '../helpers/tar-builder.ts';
import { archive, gzArchive } from '../helpers/tar-builder.ts';

let root: string;
const at = (...names: string[]) => join(root, ...names);

beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'source-'));
  for (const name of ['spool/restore', 'spool/done', 'work', 'copy/web/shop/config_used']) {
    fs.mkdirSync(at(name), { recursive: true, mode: 0o700 });
  }
});

afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const io = (minFreeBytes = 0) => ({
  ...{ run: createRun({ scrub: (text) => text }), tar: ['tar'], timeoutMs: 60_000, minFreeBytes },
  signal: new AbortController().signal,
});

const NAME = 'web1-20261121_030000-web+shop.tar';

/** A tar file with its manifest, as a server sends them. */
function send(members: readonly Member[], changed: object = {}): void {
  const tar = archive(...members);
  const sums = { seconds: 0, secondsStopped: 0, bytes: 3, files: 1 };
  const service = { name: 'shop', type: 'web', status: 'success', messages: [], tasks: [], ...sums };
  const manifest = {
    ...{ format: 1, kind: 'restore', tar: NAME, hostname: 'web1', stamp: '20261121_030000', snapshot: 'abc' },
    ...{ bytes: tar.length, sha256: createHash('sha256').update(tar).digest('hex') },
    ...{ created: '2026-11-21T10:00:00.000Z', service: { ...service, started: '2026-11-21T03:00:00.000Z' } },
    ...changed,
  };
  fs.writeFileSync(at('spool/restore', NAME), tar);
  fs.writeFileSync(at('spool/restore', `${NAME}.json`), JSON.stringify(manifest));
}

const GOOD: readonly Member[] = [
  { name: 'web/shop/', type: '5' },
  { name: 'web/shop/a', body: 'one' },
];

const find = (from?: string) => findCopy(from, 'shop', { spool: at('spool'), hostname: 'web1', log: silentLog });

async function unpack(from?: string, minFreeBytes = 0) {
  const found = await find(from);
  if (found.kind !== 'file') throw new Error('not a file');
  return unpackSource(found.chosen, at('work'), io(minFreeBytes));
}

describe('a tar file that the server has sent', () => {
  it.each([undefined, NAME, 'path'])('is found (%s), read and unpacked', async (from) => {
    send(GOOD);
    const copy = await unpack(from === 'path' ? at('spool/restore', NAME) : from);
    expect(copy.directory).toBe(at('work/web/shop'));
    expect(fs.readFileSync(at('work/web/shop/a'), 'utf8')).toBe('one');
    expect(copy.manifest?.name).toBe('shop');
  });

  it.each<[string, readonly Member[], RegExp]>([
    ['holds something else', [...GOOD, { name: 'etc/cron.d/x', body: '* * * * *' }], /does not belong to the service/],
    ['leads upwards', [...GOOD, { name: 'web/shop/../../../x', body: 'x' }], /does not belong to the service/],
    [
      'writes through a link',
      [{ name: 'web/shop/l', type: '2', link: '/tmp' }, { name: 'web/shop/l/x' }],
      /beneath a symb/,
    ],
    ['holds a device', [...GOOD, { name: 'web/shop/sda', type: '4' }], /device/],
  ])('is refused when it %s', async (_, members, message) => {
    send(members);
    await expect(unpack()).rejects.toThrow(message);
    expect(fs.readdirSync(at('work'))).toEqual([]);
  });

  it('is refused when it is not the one of its manifest, or changed, or a link', async () => {
    send(GOOD, { sha256: '0'.repeat(64) });
    await expect(unpack()).rejects.toThrow(`${NAME}: it is not the file that its manifest tells of`);
    send(GOOD, { hostname: 'web2' });
    await expect(unpack()).rejects.toThrow('No copy of shop');
    send(GOOD);
    fs.renameSync(at('spool/restore', NAME), at('real.tar'));
    fs.symlinkSync(at('real.tar'), at('spool/restore', NAME));
    await expect(unpack()).rejects.toThrow('No copy of shop');
    fs.rmSync(at('spool/restore', `${NAME}.json`));
    await expect(unpack(at('spool/restore', NAME))).rejects.toThrow(/No such|holds no copy|neither an archive/i);
  });

  it('is not unpacked where there is no room', async () => {
    send(GOOD);
    await expect(unpack(undefined, 1e18)).rejects.toThrow(/Not enough room .* Nothing was restored/);
    expect(fs.readdirSync(at('work'))).toEqual([]);
  });
});

describe('an archive', () => {
  /** In done/, with all that belongs to it: whoever may write there could make one. */
  const store = async (members: readonly Member[]) => {
    const made = { spool: at('spool/done'), source: '', hostname: 'web1', stamp: '20261121_030000' };
    const name = 'web1-20261121_030000.tar.gz';
    fs.writeFileSync(at('spool/done', name), gzArchive(...members));
    fs.writeFileSync(at('spool/done', `${name}.json`), JSON.stringify(await describeArchive(made)));
  };
  const other: readonly Member[] = [
    { name: 'web/other/', type: '5' },
    { name: 'web/other/sda', type: '4' },
  ];

  it('is read and unpacked; what another service has in it does not matter', async () => {
    await store([{ name: 'web/', type: '5' }, ...other, ...GOOD]);
    await unpack();
    expect(fs.readdirSync(at('work/web'))).toEqual(['shop']);
    expect(fs.readFileSync(at('work/web/shop/a'), 'utf8')).toBe('one');
  });

  it.each<[string, Member, RegExp]>([
    ['a device', { name: 'web/shop/sda', type: '4' }, /is a device/],
    [
      'a second name of a file elsewhere',
      { name: 'web/shop/b', type: '1', link: 'web/other/x' },
      /outside the service/,
    ],
  ])('is refused when it holds %s', async (_, member, message) => {
    await store([...GOOD, member]);
    await expect(unpack()).rejects.toThrow(message);
    expect(fs.readdirSync(at('work'))).toEqual([]);
  });
});

describe('a directory', () => {
  it.each(['copy', 'copy/web/shop'])('%s is taken where only root can enter it', async (from) => {
    expect(await findInDirectory(at(from), 'shop')).toEqual({
      directory: at('copy/web/shop'),
      type: 'web',
      name: 'shop',
    });
  });

  it('is refused where others could swap what is in it', async () => {
    fs.chmodSync(root, 0o755);
    fs.chmodSync(at('copy'), 0o755);
    fs.chmodSync(at('copy/web'), 0o755);
    fs.chmodSync(at('copy/web/shop'), 0o755);
    await expect(findInDirectory(at('copy'), 'shop')).rejects.toThrow(/Others could change the copy .*chmod 0700/);
    fs.chmodSync(at('copy'), 0o777);
    fs.chmodSync(at('copy/web/shop'), 0o700);
    await expect(findInDirectory(at('copy'), 'shop')).rejects.toThrow('Others could change');
    fs.chownSync(at('copy'), 65534, 65534);
    fs.chmodSync(at('copy'), 0o700);
    await expect(findInDirectory(at('copy'), 'shop')).rejects.toThrow('Others could change');
  });

  it('leads nowhere by links in it', async () => {
    fs.mkdirSync(at('elsewhere/blog/config_used'), { recursive: true });
    fs.symlinkSync(at('elsewhere'), at('copy/links'));
    fs.symlinkSync(at('elsewhere/blog'), at('copy/web/blog'));
    await expect(findInDirectory(at('copy'), 'blog')).rejects.toThrow('holds no copy of blog');
    fs.writeFileSync(at('elsewhere/service.yaml'), 'service: {name: shop}\n');
    fs.rmdirSync(at('copy/web/shop/config_used'));
    fs.symlinkSync(at('elsewhere'), at('copy/web/shop/config_used'));
    await expect(findInDirectory(at('copy'), 'shop')).rejects.toThrow('holds no copy of shop');
    const copy = { directory: at('copy/web/shop'), manifest: undefined };
    await expect(readServiceCopy(copy, [])).rejects.toThrow('holds no config_used/service.yaml');
  });

  it('is copied as it is with --to, links as links, into an empty directory only', async () => {
    fs.symlinkSync('/etc/passwd', at('copy/web/shop/link'));
    fs.writeFileSync(at('copy/web/shop/file'), 'x');
    fs.chownSync(at('copy/web/shop/file'), 65534, 65534);
    await makeTarget(at('target'));
    await copyTree(await findInDirectory(at('copy'), 'shop'), at('target'), io());
    expect(fs.readlinkSync(at('target/web/shop/link'))).toBe('/etc/passwd');
    expect(fs.statSync(at('target/web/shop/file')).uid).toBe(65534);
    expect(fs.statSync(at('target')).mode & 0o777).toBe(0o700);
    await expect(makeTarget(at('target'))).rejects.toThrow('it is not empty');
    await expect(makeTarget('/etc')).rejects.toThrow('it belongs to the system');
    fs.symlinkSync('/etc', at('etc'));
    await expect(makeTarget(at('etc'))).rejects.toThrow('it belongs to the system');
  });

  it('of somebody else is not filled with --to: he could put links into it meanwhile', async () => {
    fs.chmodSync(root, 0o755);
    fs.mkdirSync(at('open'));
    fs.chmodSync(at('open'), 0o777);
    await expect(makeTarget(at('open'))).rejects.toThrow(`chmod 0700 ${at('open')}`);
    fs.chownSync(at('open'), 65534, 65534);
    fs.chmodSync(at('open'), 0o700);
    await expect(makeTarget(at('open/below'))).rejects.toThrow('Others could change');
    fs.chownSync(at('open'), 0, 0);
    fs.symlinkSync(at('open/below'), at('link'));
    expect(await makeTarget(at('link'))).toBe(at('open/below'));
  });
});
