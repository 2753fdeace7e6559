// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRun } from '@local-backup/common/exec';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runSandboxed, type Sandbox } from '../../packages/server/src/sandbox.ts';
import { unpackArchive } from '../../packages/server/src/sources/archive/unpack.ts';
import { emptyLiveTree } from '../../packages/server/src/tree/live-tree.ts';
import { HOSTILE_ARCHIVES } from '../helpers/hostile-archives.ts';

const work = mkdtempSync(join(tmpdir(), 'unpack-'));
const live = join(work, 'live');
const tree = join(live, 'web1');
const mountPoint = join(work, 'sandbox');
const archive = join(work, 'archive.tar.gz');
const sandbox: Sandbox = {
  directory: tree,
  mountPoint,
  timeoutMs: 60_000,
  signal: new AbortController().signal,
  run: createRun({ scrub: (text) => text }),
};

beforeAll(() => {
  mkdirSync(live, { mode: 0o700 });
  mkdirSync(mountPoint);
});
beforeEach(() => emptyLiveTree(sandbox));
afterAll(() => {
  rmSync(work, { recursive: true });
});

function inSandbox(script: string, maxFileBytes = 1024 ** 2): Promise<string> {
  return runSandboxed(sandbox, { command: ['sh', '-c', script], maxFileBytes });
}

describe('the sandbox', () => {
  test('lets its command write in one directory and nowhere else', async () => {
    await inSandbox('echo mine > here');
    expect(readFileSync(join(tree, 'here'), 'utf8')).toBe('mine\n');
    for (const path of ['/there', '/usr/there', '/live/../there', '/old/there']) {
      await expect(inSandbox(`echo mine > ${path}`)).rejects.toThrow(/Read-only|Directory nonexistent|cannot create/);
    }
  });

  test('shows nothing of the machine but its programs', async () => {
    await inSandbox('ls -A / > root; ls -A /old >> root');
    expect(readFileSync(join(tree, 'root'), 'utf8').split('\n')).not.toEqual(expect.arrayContaining(['etc']));
    for (const path of ['/etc/passwd', '/proc/self', '/dev/null', work])
      await expect(inSandbox(`ls ${path}`)).rejects.toThrow(/ls/);
  });

  test('leaves its command no right to mount, to make devices, or to leave the root', async () => {
    await expect(inSandbox('mknod null c 1 3')).rejects.toThrow(/Operation not permitted/);
    await expect(inSandbox('mount -t tmpfs none /live')).rejects.toThrow(/mount/);
    await expect(inSandbox('chroot .')).rejects.toThrow(/Operation not permitted/);
    await inSandbox('setpriv --dump > rights');
    const rights = readFileSync(join(tree, 'rights'), 'utf8');
    expect(rights).toMatch(/no_new_privs: 1/);
    expect(rights).toMatch(/bounding set: chown,dac_override,fowner,fsetid,setfcap$/m);
  });

  test('has no network and no other processes', async () => {
    await inSandbox('cd /live; setpriv --version > /dev/null 2>&1 || true; kill -0 1 && echo $PPID > parent');
    expect(readFileSync(join(tree, 'parent'), 'utf8')).toBe('0\n');
    const program = 'exec 3<>/dev/tcp/127.0.0.1/1';
    await expect(runSandboxed(sandbox, { command: ['bash', '-c', program], maxFileBytes: 0 })).rejects.toThrow(
      /unreachable/,
    );
  });

  test('bounds the size of a file and leaves no core', async () => {
    await expect(inSandbox('head -c 2000 /usr/bin/tar > big', 1000)).rejects.toThrow();
    expect(statSync(join(tree, 'big')).size).toBeLessThanOrEqual(1000);
  });

  test('ends with its time, children included', async () => {
    const short = { ...sandbox, timeoutMs: 500 };
    const command = ['sh', '-c', `sleep 1000.${process.pid}; true`];
    await expect(runSandboxed(short, { command, maxFileBytes: 0 })).rejects.toThrow(/did not finish within 0.5 s/);
    await expect.poll(() => commandLines().filter((line) => line.includes(`1000.${process.pid}`))).toEqual([]);
  });

  test('leaves no mount behind', async () => {
    await inSandbox('true');
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(work);
    expect(readdirSync(mountPoint)).toEqual([]);
  });
});

describe('a hostile archive that nobody has judged stays inside:', () => {
  const traces = ['-maxdepth', '1', '-name', 'hostile-archive-was-here', '-o', '-name', 'hostile-dir'];
  const witness = () =>
    listing(work, '-path', tree, '-prune', '-o') + listing('/etc', '-maxdepth', '1') + listing('/tmp', ...traces);
  const small = HOSTILE_ARCHIVES.filter(({ refusedBy }) => refusedBy !== 'size');

  test.each(small.map(({ name, bytes }) => [name, bytes] as const))('%s', async (_, bytes) => {
    writeFileSync(archive, bytes());
    const before = witness();
    const outcome = await unpackArchive(archive, sandbox, 1024 ** 2).catch((error: unknown) => error);
    expect(outcome instanceof Error ? outcome : { name: 'BackupError' }).toMatchObject({ name: 'BackupError' });
    expect(witness()).toBe(before);
    expect(execFileSync('find', [tree, '-type', 'b,c']).toString()).toBe('');
  });
});

function commandLines(): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return '';
    }
  });
}

/** Everything beneath a directory, with inode, owner, mode, size, and times of content and metadata. */
function listing(directory: string, ...conditions: string[]): string {
  return execFileSync('find', [directory, ...conditions, '-printf', '%p %i %y %m %U %G %s %T@ %C@ %l\n']).toString();
}

describe('emptying', () => {
  test('removes whatever is there and follows no link', async () => {
    const outside = join(work, 'outside');
    mkdirSync(join(outside, 'kept'), { recursive: true });
    symlinkSync(outside, join(tree, 'link'));
    mkdirSync(join(tree, '.hidden/locked'), { recursive: true });
    writeFileSync(join(tree, '.hidden/locked/x'), '');
    writeFileSync(Buffer.from(`${tree}/caf\xe9\n`, 'latin1'), '');
    execFileSync('chmod', ['0000', join(tree, '.hidden/locked')]);
    execFileSync('mknod', [join(tree, 'null'), 'c', '1', '3']);
    execFileSync('mkdir', ['-p', `${tree}/${'d/'.repeat(900)}`]);
    await emptyLiveTree(sandbox);
    expect(readdirSync(tree)).toEqual([]);
    expect(readdirSync(outside)).toEqual(['kept']);
  });

  test('does not touch what somebody has mounted in there', async () => {
    const mounted = join(tree, 'mounted');
    const outside = join(work, 'elsewhere');
    mkdirSync(mounted);
    mkdirSync(join(outside, 'kept'), { recursive: true });
    execFileSync('mount', ['--bind', outside, mounted]);
    await emptyLiveTree(sandbox);
    expect(readdirSync(outside)).toEqual(['kept']);
    expect(readdirSync(tree)).toEqual([]);
  });

  test('says what to look at where something cannot be removed', async () => {
    execFileSync('mount', ['-t', 'tmpfs', 'none', tree]);
    try {
      writeFileSync(join(tree, 'x'), '');
      execFileSync('mount', ['-o', 'remount,ro', tree]);
      await expect(emptyLiveTree(sandbox)).rejects.toThrow(/file system read-only.*\.\/x.*Read-only file system/s);
    } finally {
      execFileSync('umount', [tree]);
    }
  });

  test('refuses a live directory that others can enter', async () => {
    execFileSync('chmod', ['0755', live]);
    await expect(emptyLiveTree(sandbox)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('chmod 0700'),
    });
    execFileSync('chmod', ['0700', live]);
  });
});
