// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createResticLab, type ResticLab } from '../helpers/restic-lab.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';

const never = new AbortController().signal;
const STAMP = '20260101_010000';
const LATER = '20260102_010000';
const NOBODY = 65534;

/** Waits for something to be true, half a minute at most. */
async function until(isTrue: () => boolean): Promise<void> {
  for (let round = 0; round < 3_000; round += 1) {
    if (isTrue()) return;
    await sleep(10);
  }
  throw new Error('waited in vain');
}

/** A pack has been written or is being written. */
function hasData(repository: string): boolean {
  return readdirSync(join(repository, 'data')).some((name) => readdirSync(join(repository, 'data', name)).length > 0);
}

describe.each(RESTIC_SERIES)('faults with restic %s', (series) => {
  let lab: ResticLab;
  beforeAll(async () => {
    lab = await createResticLab(series);
  });
  afterAll(() => lab.remove());

  /** A live tree with one small file. */
  const newTree = (): string => {
    const directory = mkdtempSync(join(lab.directory, 'live-'));
    writeFileSync(join(directory, 'small'), 'small\n');
    return directory;
  };
  /** An executable that does something else for one command and is the real restic for all others. */
  const standIn = (name: string, script: string): string => {
    const program = join(lab.directory, name);
    writeFileSync(program, `#!/bin/sh\n${script}\nexec ${lab.program} "$@"\n`, { mode: 0o755 });
    return program;
  };
  const dryRun = false;

  test('init refuses beneath a missing directory and over leftovers, and touches neither', async () => {
    const unmounted = join(lab.directory, 'unmounted/web1');
    await expect(lab.store('web1', { repository: unmounted }).init(never)).rejects.toThrow(/Mount the disk/);
    expect(existsSync(join(lab.directory, 'unmounted'))).toBe(false);
    const halfway = lab.repositoryOf('halfway');
    mkdirSync(join(halfway, 'keys'), { recursive: true });
    writeFileSync(join(halfway, 'keys/0123'), 'the only key');
    await expect(lab.store('halfway').init(never)).rejects.toThrow(/no repository configuration/);
    expect(readFileSync(join(halfway, 'keys/0123'), 'utf8')).toBe('the only key');
  });

  test('repository and pin are private, and what was there once is not created again in its place', async () => {
    const store = lab.store('gone');
    await store.init(never);
    expect(statSync(lab.repositoryOf('gone')).mode & 0o777).toBe(0o700);
    expect(statSync(lab.options('gone').pinFile).mode & 0o777).toBe(0o600);
    rmSync(lab.repositoryOf('gone'), { recursive: true });
    await expect(store.init(never)).rejects.toThrow(/there was one for gone/);
    expect(existsSync(lab.repositoryOf('gone'))).toBe(false);
  });

  test('a repository made by hand is used only after init has confirmed it, which changes nothing in it', async () => {
    const store = lab.store('byhand');
    lab.restic('byhand', 'init');
    const before = readFileSync(join(lab.repositoryOf('byhand'), 'config'));
    await expect(store.check(never)).rejects.toThrow(/backup-server init byhand/);
    expect(await store.init(never)).toMatchObject({ created: false });
    await store.check(never);
    expect(readFileSync(join(lab.repositoryOf('byhand'), 'config'))).toEqual(before);
  });

  test('a damaged configuration is told as damage', async () => {
    const store = lab.store('damaged');
    await store.init(never);
    const config = join(lab.repositoryOf('damaged'), 'config');
    chmodSync(config, 0o600);
    truncateSync(config, 20);
    await expect(store.check(never)).rejects.toThrow(/is damaged/);
  });

  test('files that cannot be read make a snapshot that is not whole, in a repeat as well', async () => {
    const live = newTree();
    writeFileSync(join(live, 'secret'), 'secret', { mode: 0o000 });
    mkdirSync(join(live, 'closed'), { mode: 0o000 });
    chmodSync(live, 0o755);
    const root = mkdtempSync('/tmp/restic-nobody-');
    chmodSync(lab.directory, 0o755);
    chownSync(root, NOBODY, NOBODY);
    const program = join(root, 'restic-as-nobody');
    const asNobody = `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups`;
    writeFileSync(program, `#!/bin/sh\nexec ${asNobody} ${lab.program} "$@"\n`, { mode: 0o755 });
    const store = lab.store('partial', {
      ...{ program, repository: join(root, 'repository'), cacheDirectory: join(root, 'cache') },
      password: { command: 'echo correct' },
    });
    try {
      await store.init(never);
      const first = await store.save({ directory: live, stamp: STAMP, dryRun }, never);
      expect([...first.unreadable].sort()).toEqual(['closed', 'secret']);
      const again = await store.save({ directory: live, stamp: STAMP, dryRun }, never);
      expect(again).toMatchObject({ snapshot: first.snapshot, filesNew: 0 });
      expect([...again.unreadable].sort()).toEqual(['closed', 'secret']);
      chmodSync(join(live, 'secret'), 0o644);
      chmodSync(join(live, 'closed'), 0o755);
      const whole = await store.save({ directory: live, stamp: STAMP, dryRun }, never);
      expect(whole).toMatchObject({ filesNew: 1, unreadable: [] });
      expect(whole.snapshot).not.toBe(first.snapshot);
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  test('an aborted and a timed-out backup leave neither lock nor snapshot, and the next one works', async () => {
    const live = newTree();
    writeFileSync(join(live, 'large'), randomBytes(20_000_000));
    // Slow enough to be at work when it is ended; in small packs, because the one being written is finished first.
    const slow = { backupOptions: ['--limit-upload=1000', '--pack-size=4'] };
    const store = lab.store('aborted', slow);
    await store.init(never);
    const stop = new AbortController();
    const saving = store.save({ directory: live, stamp: STAMP, dryRun }, stop.signal);
    await until(() => hasData(lab.repositoryOf('aborted')));
    stop.abort(new Error('stopped by the test'));
    await expect(saving).rejects.toThrow(/stopped by the test/);
    expect(lab.locks('aborted')).toEqual([]);
    const hurried = lab.store('aborted', { ...slow, timeouts: { queryMs: 60_000, saveMs: 2_500, restoreMs: 60_000 } });
    await expect(hurried.save({ directory: live, stamp: STAMP, dryRun }, never)).rejects.toThrow(/within 2.5 s/);
    expect(lab.locks('aborted')).toEqual([]);
    expect(await store.snapshots(never)).toEqual([]);
    await lab.store('aborted').save({ directory: live, stamp: STAMP, dryRun }, never);
    expect(await store.snapshots(never)).toHaveLength(1);
  });

  test('after kill -9 of restic the next save works, beside the lock that was left', async () => {
    const live = newTree();
    writeFileSync(join(live, 'large'), randomBytes(20_000_000));
    const store = lab.store('killed');
    await store.init(never);
    const { program, directory } = lab;
    const env = {
      ...{ RESTIC_REPOSITORY: lab.repositoryOf('killed'), RESTIC_PASSWORD_FILE: join(directory, 'password-killed') },
      ...{ RESTIC_CACHE_DIR: join(directory, 'cache'), PATH: process.env.PATH },
    };
    const child = spawn(program, ['backup', '--limit-upload=1000', '--pack-size=4', live], { env, stdio: 'ignore' });
    const ended = once(child, 'exit');
    await until(() => hasData(lab.repositoryOf('killed')));
    child.kill('SIGKILL');
    await ended;
    expect(lab.locks('killed')).toHaveLength(1);
    expect(await store.save({ directory: live, stamp: STAMP, dryRun }, never)).toMatchObject({ filesNew: 2 });
  });

  test('a full disk is told as such, what was stored stays, and after making room it goes on', async () => {
    const mount = mkdtempSync(join(lab.directory, 'small-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'none', mount]);
    try {
      const store = lab.store('full', { repository: join(mount, 'repository') });
      await store.init(never);
      const live = newTree();
      const first = await store.save({ directory: live, stamp: STAMP, dryRun }, never);
      writeFileSync(join(live, 'large'), randomBytes(24_000_000));
      await expect(store.save({ directory: live, stamp: LATER, dryRun }, never)).rejects.toThrow(/No space left/);
      expect((await store.snapshots(never)).map(({ id }) => id)).toEqual([first.snapshot]);
      execFileSync('mount', ['-o', 'remount,size=64m', mount]);
      expect(await store.save({ directory: live, stamp: LATER, dryRun }, never)).toMatchObject({ filesNew: 1 });
    } finally {
      execFileSync('umount', [mount]);
    }
  }, 300_000);

  test('a full disk is told also where restic tries again until its time is up', async () => {
    const retry = 'Save(<data/0123456789>) returned error, retrying after 552ms: write: no space left on device';
    const program = standIn('insisting', `if [ "$1" = backup ]; then echo '${retry}' >&2; exec sleep 60; fi`);
    const store = lab.store('insisting', { program, timeouts: { queryMs: 60_000, saveMs: 1_500, restoreMs: 60_000 } });
    await store.init(never);
    await expect(store.save({ directory: newTree(), stamp: STAMP, dryRun }, never)).rejects.toThrow(
      /^No space left for the restic repository.*did not finish within 1\.5 s/s,
    );
  });

  test('a full disk is told even where restic hangs on it without a word', async () => {
    const mount = mkdtempSync(join(lab.directory, 'silent-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'none', mount]);
    try {
      const program = standIn('silent', 'if [ "$1" = backup ]; then exec sleep 60; fi');
      const timeouts = { queryMs: 60_000, saveMs: 1_500, restoreMs: 60_000 };
      const store = lab.store('silent', { program, timeouts, repository: join(mount, 'repository') });
      await store.init(never);
      const saving = store.save({ directory: newTree(), stamp: STAMP, dryRun }, never);
      await expect(saving).rejects.toThrow(/^No space left for the restic repository/);
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  test('nothing secret is in the arguments, and restic gets no more of the environment than it needs', async () => {
    const seen = join(lab.directory, 'seen');
    const program = standIn('recording', `env | cut -d= -f1 >>${seen}; printf '%s\\n' "$@" >>${seen}`);
    process.env.AWS_SECRET_ACCESS_KEY = 'canary';
    process.env.RESTIC_PASSWORD = 'canary';
    const store = lab.store('secret', { program, environment: { B2_ACCOUNT_ID: 'wanted' } });
    try {
      await store.init(never);
      await store.save({ directory: newTree(), stamp: STAMP, dryRun }, never);
    } finally {
      delete process.env.AWS_SECRET_ACCESS_KEY;
      delete process.env.RESTIC_PASSWORD;
    }
    const words = new Set(readFileSync(seen, 'utf8').split('\n'));
    expect(words).toContain('B2_ACCOUNT_ID');
    expect(words).toContain('RESTIC_PASSWORD_FILE');
    expect(words).not.toContain('AWS_SECRET_ACCESS_KEY');
    expect(words).not.toContain('RESTIC_PASSWORD');
    expect([...words].filter((word) => /canary|correct secret/.test(word))).toEqual([]);
  });
});
