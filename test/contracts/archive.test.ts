// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TreeTotals } from '../../packages/client/src/archive-totals.ts';
import { verifyArchive } from '../../packages/client/src/verify.ts';
import { type ArchiveLab, createArchiveLab, manifestOf, pathsOf, verifyLab } from '../helpers/archive-lab.ts';

let lab: ArchiveLab;

beforeEach(() => {
  lab = createArchiveLab();
});

afterEach(() => lab.remove());

/** Saves one tree; resolves with the paths of the entry list, without those of the archive's own directories. */
async function save(changes: Parameters<ArchiveLab['request']>[0] = {}) {
  const writer = await lab.writer();
  const totals: TreeTotals = await writer.addTree(lab.request(changes));
  const finished = await writer.finish();
  await verifyLab(lab, finished);
  const entries = await lab.entries();
  return { totals, finished, entries, paths: entries.slice(2).map(({ path }) => path.slice('web/shop/'.length)) };
}

describe('addTree', () => {
  it('stores parents without what else is in them, then the paths, all under the prefix', async () => {
    lab.make('mkdir -p var/www/html var/lib; chmod 750 var/www; touch var/x var/www/y var/www/html/z var/lib/l');
    const { paths, entries } = await save({ paths: pathsOf('var/www/html', 'var/lib/') });
    expect(paths).toEqual(['var', 'var/www', 'var/www/html', 'var/www/html/z', 'var/lib', 'var/lib/l']);
    expect(entries[0]).toMatchObject({ path: 'web', type: 'directory', mode: 0o700, uid: 0, mtimeNs: 0n });
    expect(entries[3]).toMatchObject({ path: 'web/shop/var/www', mode: 0o750 });
  });

  it('stores no directory twice', async () => {
    lab.make('mkdir -p a/b; touch a/b/1 a/b/2');
    const writer = await lab.writer();
    await writer.addDirectory('web');
    await writer.addDirectory('web/shop');
    await writer.addTree(lab.request({ paths: pathsOf('a/b/1') }));
    await writer.addTree(lab.request({ paths: pathsOf('a/b/2') }));
    const { totals } = await writer.finish();
    const paths = (await lab.entries()).map(({ path }) => path);
    expect(paths).toEqual(['web', 'web/shop', 'web/shop/a', 'web/shop/a/b', 'web/shop/a/b/1', 'web/shop/a/b/2']);
    expect(totals).toEqual({ files: 2, entries: 6, bytes: 0 });
  });

  it('puts targets of hard links under the prefix, and leaves those of symlinks alone', async () => {
    lab.make('echo x > a; ln a b; ln -s ./a c; ln -s . d');
    const { entries } = await save();
    expect(entries.slice(3)).toMatchObject([
      { path: 'web/shop/b', type: 'hardlink', link: 'web/shop/a' },
      { path: 'web/shop/c', type: 'symlink', link: './a' },
      { path: 'web/shop/d', type: 'symlink', link: '.' },
    ]);
  });

  it('reads names that look like options or escapes', async () => {
    lab.make(`mkdir -- -C; touch -- -C/--exclude=x 'a\\101' $'n\\nl' @x`);
    const { paths } = await save({ paths: pathsOf('-C', 'a\\101', 'n\nl', '@x') });
    expect(paths).toEqual(['-C', '-C/--exclude=x', 'a\\101', 'n\nl', '@x']);
  });

  it('leaves out devices with warnings, and sockets without', async () => {
    lab.make(
      'mknod a c 1 3; mknod b b 7 0; mkfifo f; python3 -c "import socket; socket.socket(socket.AF_UNIX).bind(\'s\')"; touch z',
    );
    const { paths, totals } = await save();
    expect(paths).toEqual(['f', 'z']);
    expect(totals.warnings).toEqual([
      `${lab.root}/a was left out: it is a device`,
      `${lab.root}/b was left out: it is a device`,
    ]);
    expect(totals).toMatchObject({ dropped: 2, files: 1, failed: [] });
  });

  it('leaves out what the server would refuse, and all beneath it', async () => {
    lab.make('cd "$PWD"; touch ok; for i in {1..17}; do mkdir $(printf "d%.0s" {1..250}); cd d*; touch f; done');
    const { paths, totals } = await save();
    expect(paths.at(-1)).toBe('ok');
    expect(paths.every((path) => path.length <= 4095)).toBe(true);
    expect(totals.dropped).toBeGreaterThan(1);
    expect(totals.warnings[0]).toMatch(/was left out: its path in the archive has more than 4095 bytes$/);
  });

  it('does not cross into other file systems when told so', async () => {
    lab.make('mkdir a m; touch a/f; mount -t tmpfs none m; touch m/g');
    try {
      expect((await save({ oneFileSystem: true })).paths).toEqual(['a', 'a/f', 'm']);
    } finally {
      lab.make('umount m');
    }
  });

  it('warns of files that change while they are read', async () => {
    lab.make('truncate -s 200M big; head -c 30M /dev/urandom >> big; touch z');
    const writer = await lab.writer();
    const reading = writer.addTree(lab.request());
    const grow = setInterval(() => writeFileSync(`${lab.root}/big`, 'more', { flag: 'a' }), 5);
    const totals = await reading.finally(() => clearInterval(grow));
    expect(totals.warnings).toEqual([`${lab.root}/big changed while it was read, so its copy may not fit together`]);
    await writer.finish();
  });

  it('stores the root itself as it is', async () => {
    lab.make('touch x; chown 33:34 .; chmod 2750 .; touch -d @1700000000.5 .');
    const { entries } = await save();
    expect(entries.map(({ path }) => path)).toEqual(['web', 'web/shop', 'web/shop/x']);
    expect(entries[1]).toMatchObject({ mode: 0o2750, uid: 33, gid: 34, mtimeNs: 1_700_000_000_500_000_000n });
  });

  it('names each file that cannot be read, saves all others, and goes on with the next tree', async () => {
    lab.make('touch here; mkdir locked; echo x > secret; chmod 0 locked secret; chmod 755 . ..');
    const tarCommand = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'tar'];
    const writer = await lab.writer({ tarCommand });
    const totals = await writer.addTree(lab.request({ paths: pathsOf('gone', 'here', 'locked', 'secret') }));
    expect(totals.failed).toEqual([
      `${lab.root}/gone: Cannot stat: No such file or directory`,
      `${lab.root}/locked: Cannot open: Permission denied`,
      `${lab.root}/secret: Cannot open: Permission denied`,
    ]);
    expect(totals).toMatchObject({ files: 1, warnings: [] });
    await expect(writer.addTree(lab.request({ root: '/nonexistent' }))).rejects.toThrow(
      /Nothing could be read of \/nonexistent:\n.*\n.*No such file or directory/,
    );
    await writer.addTree(lab.request({ paths: pathsOf('here'), prefix: 'web/more' }));
    expect(writer.broken).toBe(false);
    const finished = await writer.finish();
    expect(finished.totals.files).toBe(2);
    await verifyLab(lab, finished);
  });

  it('fails where nothing is left to save, or a path leads through a symlink', async () => {
    lab.make('mkdir real; touch real/x; ln -s real link');
    const writer = await lab.writer();
    await expect(writer.addTree(lab.request({ paths: pathsOf('real'), exclude: ['real'] }))).rejects.toThrow(
      `Nothing was saved of ${lab.root}/real`,
    );
    await expect(writer.addTree(lab.request({ paths: pathsOf('link/x') }))).rejects.toThrow('link in');
    await writer.abort();
    expect(existsSync(lab.archive) || existsSync(lab.entryList)).toBe(false);
  });
});

describe('the finished archive', () => {
  it('is one that gzip and tar read, private, and never overwrites', async () => {
    lab.make('head -c 3000000 /dev/urandom > a; mkdir d; touch d/f');
    const { finished } = await save();
    execFileSync('gzip', ['-t', lab.archive]);
    const listed = execFileSync('tar', ['-tzf', lab.archive], { encoding: 'utf8' });
    expect(listed.trim().split('\n')).toEqual(['web', 'web/shop/', 'web/shop/a', 'web/shop/d/', 'web/shop/d/f']);
    expect(statSync(lab.archive)).toMatchObject({ mode: 0o100600, size: finished.bytes });
    await expect(lab.writer()).rejects.toThrow('EEXIST');
  });

  it('cannot be written to a full disk', async () => {
    lab.make('mkdir small; mount -t tmpfs -o size=1m none small; mkdir t; head -c 20M /dev/urandom > t/f');
    try {
      const writer = await lab.writer({ file: `${lab.root}/small/a` });
      const writing = writer.addTree(lab.request({ paths: pathsOf('t') })).then(() => writer.finish());
      await expect(writing).rejects.toMatchObject({ code: 'failed', message: expect.stringContaining('ENOSPC') });
      await writer.abort();
      expect(existsSync(`${lab.root}/small/a`)).toBe(false);
    } finally {
      lab.make('umount small');
    }
  });
});

describe('verifyArchive', () => {
  const verify = (manifest: ReturnType<typeof manifestOf>, signal = new AbortController().signal) =>
    verifyArchive({ archive: lab.archive, entryList: lab.entryList, manifest, signal });

  it('names what differs', async () => {
    lab.make('echo hello > a; echo world > b');
    const manifest = manifestOf((await save()).finished);
    const { totals, entryList } = manifest;
    await expect(verify({ ...manifest, bytes: 1 })).rejects.toThrow('instead of 1');
    await expect(verify({ ...manifest, sha256: '0'.repeat(64) })).rejects.toThrow('sha256 of the archive');
    await expect(verify({ ...manifest, totals: { ...totals, files: 7 } })).rejects.toThrow('2 files, the manifest 7');
    await expect(verify({ ...manifest, entryList: { ...entryList, sha256: '0'.repeat(64) } })).rejects.toThrow(
      'entry list',
    );
    await expect(verify({ ...manifest, totals: { ...totals, entries: 3 } })).rejects.toThrow('more than 3 entries');
  });

  it('ends when it is told to', async () => {
    lab.make('echo hello > a');
    const manifest = manifestOf((await save()).finished);
    await expect(verify(manifest, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });

  it('notices an archive that does not fit its list', async () => {
    lab.make('echo hello > a; touch -d @1 .');
    await save();
    const list = readFileSync(lab.entryList);
    lab.remove();
    lab = createArchiveLab();
    lab.make('echo hallo > a; touch -d @1 .');
    const manifest = manifestOf((await save()).finished);
    writeFileSync(lab.entryList, list);
    await expect(verify(manifest)).rejects.toThrow(/web\/shop\/a has (mtimeNs|sha256)/);
  });

  it('notices a flipped bit and a cut anywhere', async () => {
    lab.make('head -c 5000 /dev/urandom > a; seq 10000 > b');
    const manifest = manifestOf((await save()).finished);
    const bytes = readFileSync(lab.archive);
    for (let at = 0; at < bytes.length; at += 997) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      writeFileSync(lab.archive, damaged);
      await expect(verify(manifest)).rejects.toMatchObject({ code: 'untrusted' });
      writeFileSync(lab.archive, bytes.subarray(0, at));
      await expect(verify(manifest)).rejects.toMatchObject({ code: 'untrusted' });
    }
  });
});

describe('an archive of 200,000 small files', () => {
  it('is written and read back in less than 200 MB of memory', () => {
    const args = ['scripts/run-ts.mjs', 'test/fixtures/archive-memory.ts', lab.archive, '200000'];
    const output = execFileSync('node', args, { encoding: 'utf8' });
    const { entries, peakBytes } = JSON.parse(output) as { entries: number; peakBytes: number };
    expect(entries).toBe(200_002);
    expect(peakBytes).toBeLessThan(200_000_000);
  });
});
