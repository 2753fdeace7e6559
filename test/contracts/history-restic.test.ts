// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { createRun } from '@local-backup/common/exec';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { escapeGlob, parseGlob } from '../../packages/server/src/restore/glob.ts';
import { measure } from '../../packages/server/src/restore/restore-measure.ts';
import { clearTheWay, planOverwrite } from '../../packages/server/src/restore/restore-overwrite.ts';
import { openProof, type SnapshotProof } from '../../packages/server/src/restore/snapshot-proof.ts';
import type { Change, History, Item } from '../../packages/server/src/stores/history.ts';
import { createResticHistory } from '../../packages/server/src/stores/restic/history/index.ts';
import { verifyTree } from '../../packages/server/src/tree/verify-tree.ts';
import { readTree } from '../helpers/file-tree.ts';
import { forgeRepository } from '../helpers/restic-forge.ts';
import { createResticLab, type ResticLab } from '../helpers/restic-lab.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';
import { seedSnapshot } from '../helpers/seed-history.ts';
import { silentLog } from '../helpers/silent-log.ts';

const HOST = 'web1';

/** Names that a glob, a terminal or restic's JSON could stumble over. */
const TREE = `
  mkdir -p web/shop/data/etc web/blog db/main 'db/od*d[x]' 'db/odxd[x]' -- 'web/shop/-dash'
  echo one > web/shop/data/etc/a.conf; echo two > web/shop/data/etc/b.txt; ln web/shop/data/etc/a.conf web/shop/second
  ln -s /etc/passwd web/shop/link; mkfifo web/shop/pipe; chown 33:44 web/shop/data/etc/b.txt; chmod 4750 web/shop/data/etc/b.txt
  echo q > 'db/od*d[x]/q"uo\\te'; echo n > 'db/od*d[x]/new'$'\\n''line'; echo b > db/main/$'bad\\xff'; echo u > db/main/ü; echo s > 'db/main/ space '
  echo d > web/shop/-dash/-x; head -c 300000 /dev/urandom > db/main/dump.sql; echo old > web/blog/post
`;

const signal = new AbortController().signal;

describe.each(RESTIC_SERIES)('restic %s', (series) => {
  let lab: ResticLab;
  let history: History;
  let live: string;
  let [older, newer] = ['', ''];
  /** Of the older snapshot. */
  let proof: SnapshotProof;
  const entries = () => proof.entries?.() ?? expect.unreachable('the snapshot has no entry list');
  const at = (...names: string[]) => join(lab.directory, ...names);

  beforeAll(async () => {
    lab = await createResticLab(series);
    await forgeRepository(lab, HOST);
    live = at('live');
    const where = { cwd: live, env: { ...process.env, LC_ALL: 'C.UTF-8' } };
    const inLive = (script: string) => execFileSync('bash', ['--norc', '-euc', script], where);
    fs.mkdirSync(live);
    inLive(TREE);
    const options = lab.options(HOST);
    const { repository, cacheDirectory } = options;
    const seed = {
      program: lab.program,
      repository,
      cacheDirectory,
      passwordFile: at(`password-${HOST}`),
      host: HOST,
      live,
    };
    const services = ['web/shop', 'web/blog', 'db/main'];
    older = await seedSnapshot(seed, { time: '2026-11-19 03:00:00', services });
    inLive('echo new > web/blog/post; echo more > web/blog/more; rm -r db/od*');
    newer = await seedSnapshot(seed, { time: '2026-11-20 03:00:00', services });
    history = createResticHistory(
      { ...options, lockWaitMs: 1_000 },
      { run: createRun({ scrub: (text) => text }), log: silentLog },
    );
    proof = await openProof(history, older, signal);
  });
  afterAll(async () => {
    await proof?.remove();
    lab.remove();
  });

  async function list(path: string, recursive = false, snapshot = newer): Promise<readonly Item[]> {
    const items: Item[] = [];
    await history.list({ snapshot, path, recursive }, (item) => void items.push(item), signal);
    return items;
  }
  const pathsOf = (items: readonly Item[]) => items.map(({ path }) => path).sort();

  it('lists a directory, a file, everything, or nothing', async () => {
    expect(pathsOf(await list(''))).toEqual(['.backup', 'db', 'web']);
    expect(pathsOf(await list('web/shop'))).toEqual([
      ...['web/shop', 'web/shop/-dash', 'web/shop/data', 'web/shop/link', 'web/shop/pipe', 'web/shop/second'],
    ]);
    expect(await list('web/shop/data/etc/b.txt')).toEqual([
      expect.objectContaining({ type: 'file', mode: 0o4750, uid: 33, gid: 44, size: 4 }),
    ]);
    expect(await list('web/none')).toEqual([]);
    const all = await list('', true, older);
    expect(all.map(({ type }) => type)).toEqual(expect.arrayContaining(['file', 'directory', 'symlink', 'fifo']));
    expect(pathsOf(all)).toEqual(
      expect.arrayContaining(['db/od*d[x]/new\nline', 'db/od*d[x]/q"uo\\te', 'db/main/bad\ufffd']),
    );
    expect(pathsOf(await list('db/od*d[x]', true, older))).toHaveLength(3);
  });

  it('finds names, with wildcards and without, and names the snapshots', async () => {
    const both = await history.find('post', signal);
    expect(both.map(({ snapshot }) => snapshot).sort()).toEqual([older, newer].sort());
    expect(both.flatMap(({ items }) => items)).toEqual([
      expect.objectContaining({ path: 'web/blog/post', size: 4 }),
      expect.objectContaining({ path: 'web/blog/post', size: 4 }),
    ]);
    expect((await history.find('-x', signal)).flatMap(({ items }) => pathsOf(items))).toHaveLength(2);
    const odd = await history.find(escapeGlob('od*d[x]'), signal);
    expect(odd).toEqual([{ snapshot: older, items: expect.any(Array) }]);
    expect(await history.find('nowhere*', signal)).toEqual([]);
  });

  it('tells what changed from one to the other', async () => {
    const changes: Change[] = [];
    const bytes = await history.diff({ older, newer }, (change) => void changes.push(change), signal);
    const kindOf = (path: string) => changes.find((change) => change.path === path)?.kind;
    expect(kindOf('web/blog/more')).toBe('added');
    expect(kindOf('web/blog/post')).toBe('changed');
    expect(kindOf('db/od*d[x]')).toBe('removed');
    expect(bytes.added).toBeGreaterThan(0);
  });

  it('gives out a file byte for byte, and a directory as tar', async () => {
    const descriptor = fs.openSync(at('dumped'), 'w');
    await history.dump({ snapshot: newer, path: 'db/main/dump.sql' }, descriptor, signal);
    fs.closeSync(descriptor);
    expect(fs.readFileSync(at('dumped')).equals(fs.readFileSync(join(live, 'db/main/dump.sql')))).toBe(true);
    const tar = fs.openSync(at('dumped.tar'), 'w');
    await history.dump({ snapshot: newer, path: 'web/shop/-dash' }, tar, signal);
    fs.closeSync(tar);
    expect(execFileSync('tar', ['-tf', at('dumped.tar')], { encoding: 'utf8' })).toContain('-x');
    await expect(history.dump({ snapshot: newer, path: 'no' }, fs.openSync('/dev/null', 'w'), signal)).rejects.toThrow(
      'restic',
    );
  });

  // Few restores, each of what the others leave out.
  it.each([
    ['web/shop/-*', escapeGlob('db/od*d[x]'), 'db/main/bad?', '**/*.conf', 'db/main/dump.sql*', '**/web/shop/link'],
    [escapeGlob('db/od*d[x]/q"uo\\te'), 'db/*/new?line', 'db/main/?', 'db/main/[^a-z]space*', 'web/shop/second'],
    ['web/*/p*', 'web/**/etc/[a-b].[ct]*', '**/blog/**'],
  ])('restores exactly what "%s" selects by our own reading of globs', async (...include) => {
    const globs = include.map((text) => parseGlob(text));
    const selects = (path: BytePath) => globs.some((glob) => 'covers' in glob && glob.covers(path));
    const target = fs.mkdtempSync(at('part-'));
    await history.restore({ snapshot: older, target, include, verify: false }, signal);
    const measured = await measure(entries, selects);
    const found = await verifyTree(target, entries(), { select: selects, signal });
    expect(found).toMatchObject({ differences: [], entries: measured.entries });
    const restored = readTree(target).filter(({ path, type }) => type !== 'directory' && !selects(path as BytePath));
    expect(restored).toEqual([]);
    for (const glob of globs) {
      const { covers = () => false } = 'covers' in glob ? glob : {};
      expect((await measure(entries, covers)).entries).toBeGreaterThan(0);
    }
  });

  it('restores over what is there, but never through a link or into another name', async () => {
    const target = at('over');
    fs.mkdirSync(join(target, 'web/shop/data/etc'), { recursive: true });
    fs.mkdirSync(at('outside'));
    for (const name of ['linked', 'named']) fs.writeFileSync(at('outside', name), 'not to be touched\n');
    fs.symlinkSync(at('outside/linked'), join(target, 'web/shop/data/etc/a.conf'));
    fs.linkSync(at('outside/named'), join(target, 'web/shop/data/etc/b.txt'));
    fs.symlinkSync('elsewhere', join(target, 'web/shop/link'));
    fs.writeFileSync(join(target, 'web/shop/second'), 'longer than what comes in its place\n'.repeat(100));
    execFileSync('mkfifo', [join(target, 'web/shop/pipe')]);
    fs.writeFileSync(join(target, 'web/mine'), 'stays\n');
    const plan = await planOverwrite(target, entries(), signal);
    await clearTheWay(target, plan, signal);
    await history.restore({ snapshot: older, target, include: [], verify: false }, signal);
    expect(await verifyTree(target, entries(), { amongOthers: true, signal })).toMatchObject({ differences: [] });
    for (const name of ['linked', 'named'])
      expect(fs.readFileSync(at('outside', name), 'utf8')).toBe('not to be touched\n');
    expect(fs.readFileSync(join(target, 'web/mine'), 'utf8')).toBe('stays\n');
    // And once more over itself, hard links included.
    await clearTheWay(target, await planOverwrite(target, entries(), signal), signal);
    await history.restore({ snapshot: older, target, include: [], verify: false }, signal);
    expect(await verifyTree(target, entries(), { amongOthers: true, signal })).toMatchObject({ differences: [] });
  });

  it('restores from a read-only disk, where no lock can be made', async () => {
    const [repository, target] = [lab.repositoryOf(HOST), fs.mkdtempSync(at('lockless-'))];
    execFileSync('sh', ['-ec', 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"', 'sh', repository]);
    try {
      await history.restore({ snapshot: older, target, include: ['web/blog'], verify: false }, signal);
    } finally {
      execFileSync('umount', [repository]);
    }
    expect(fs.readFileSync(join(target, 'web/blog/post'), 'utf8')).toBe('old\n');
  });

  it('tells which disk is full: not that of the repository', async () => {
    const target = fs.mkdtempSync(at('small-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=100k', 'tmpfs', target]);
    try {
      const restore = history.restore({ snapshot: older, target, include: ['db/main'], verify: false }, signal);
      await expect(restore).rejects.toThrow(`no room left for what is restored on the disk of ${target}.`);
    } finally {
      execFileSync('umount', [target]);
    }
  });

  it('mounts all snapshots until it is told to stop', async () => {
    const directory = at('mounted');
    fs.mkdirSync(directory);
    const stop = new AbortController();
    let seen = '';
    const look = () => {
      // Not from this process: what is mounted waits for restic, whose output is read here.
      execFileSync('sh', ['-c', 'cat snapshots/latest/web/blog/post'], { cwd: directory, timeout: 30_000 });
      seen = execFileSync('cat', [join(directory, 'snapshots/latest/web/blog/post')], { encoding: 'utf8' });
      stop.abort(new Error('enough'));
    };
    await expect(history.mount(directory, look, stop.signal)).rejects.toThrow('enough');
    expect(seen).toBe('new\n');
    expect(fs.readdirSync(directory)).toEqual([]);
    expect(lab.locks(HOST)).toEqual([]);
  });
});

it('what a restore would meet is told before anything is changed', async () => {
  const target = fs.mkdtempSync('/tmp/restore-over-');
  try {
    fs.mkdirSync(join(target, 'a/file'), { recursive: true });
    fs.symlinkSync('/etc', join(target, 'b'));
    const entry = (path: string, type: Entry['type']): Entry => ({
      ...{ path: bytePathOfText(path), type, mode: 0o644, uid: 0, gid: 0, size: 0, mtimeNs: 0n },
    });
    async function* entries() {
      yield [entry('.', 'directory'), entry('a', 'directory'), entry('a/file', 'file'), entry('b', 'directory')];
      yield [entry('b/passwd', 'file'), entry('c/new', 'file')];
    }
    await expect(planOverwrite(target, entries(), signal)).rejects.toThrow(
      /Move these away first:\n {2}a\/file\n {2}b$/,
    );
    expect(fs.readdirSync(target).sort()).toEqual(['a', 'b']);
    async function* hostile() {
      yield [entry('../outside', 'symlink')];
    }
    await expect(planOverwrite(target, hostile(), signal)).rejects.toThrow('names ../outside, which is no path within');
  } finally {
    fs.rmSync(target, { recursive: true });
  }
});
