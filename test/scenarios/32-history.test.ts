// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHistoryLab, type HistoryLab } from '../helpers/history-lab.ts';
import { bundleOf, expectCode, until } from '../helpers/system-lab.ts';

let lab: HistoryLab;

beforeAll(async () => {
  lab = await createHistoryLab();
});

afterAll(() => lab.remove());

const short = (id: string) => id.slice(0, 8);

describe('what is there', () => {
  it('`snapshots` lists them, the doubtful and the pinned one marked', async () => {
    fs.mkdirSync(lab.at('state/pins'));
    const pin = {
      snapshot: lab.oldest,
      taken: '2026-03-01T03:00:00Z',
      reason: 'audit',
      pinned: '2026-03-02T03:00:00Z',
    };
    fs.writeFileSync(lab.at('state/pins/web1.json'), JSON.stringify({ format: 1, pins: [pin] }), { mode: 0o600 });
    const { stdout } = await expectCode(0, lab.server('snapshots'));
    expect(stdout).toContain(`${short(lab.oldest)}  2026-03-01 03:00:00 UTC  20260301_030000  pinned: audit\n`);
    expect(stdout).toContain(`${short(lab.doubtful)}  2026-03-06 03:00:00 UTC  20260306_030000  not proven whole\n`);
    expect(stdout).toContain('db1: 1 snapshots\n');
    const [web1] = await lab.json<{ pins: unknown[] }[]>('snapshots', 'web1');
    expect(web1).toMatchObject({ host: 'web1', unproven: ['20260306_030000'], pins: [{ snapshot: lab.oldest }] });
  });

  it('`ls` lists a directory of the newest snapshot that is whole, and says which that is', async () => {
    const { stdout } = await expectCode(0, lab.server('ls', 'web1', '/web/shop/'));
    expect(stdout.split('\n')[0]).toBe(
      `Snapshot ${short(lab.newer)} of web1, stored 2026-03-05 14:30:20 UTC, archive 20260305_143020 (the newest that is ` +
        `whole; ${short(lab.doubtful)} is newer but was not proven whole)`,
    );
    expect(stdout).toMatch(/^drwxr-xr-x {2}0:0 .* {2}web\/shop\/data\/$/m);
    expect(stdout).toMatch(/^lrwxrwxrwx .* {2}web\/shop\/link$/m);
    const all = await expectCode(0, lab.server('ls', '--recursive', `web1@${lab.oldest.slice(0, 10)}`));
    expect(all.stdout).toContain(String.raw`web/shop/data/new\nline`);
    expect(all.stdout).toContain(String.raw`web/shop/data/\x1b[2J`);
    expect(all.stdout).not.toContain('\x1b');
    const lines = await expectCode(0, lab.server('--json', 'ls', 'web1@20260301_030000', 'db/main'));
    const items = lines.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(items).toContainEqual(expect.objectContaining({ path: 'db/main/dump.sql', type: 'file', size: 300_000 }));
    expect(items).toHaveLength(3);
  });

  it('`find` tells each version once, of all hosts or one', async () => {
    const { stdout } = await expectCode(0, lab.server('find', 'post'));
    expect(stdout).toMatch(/^web1: web\/blog\/post\n/);
    expect(stdout).toContain(`in 1 snapshot: ${short(lab.oldest)} (2026-03-01 03:00:00 UTC)\n`);
    expect(stdout).toMatch(new RegExp(`in 2 snapshots: ${short(lab.newer)} .* to ${short(lab.doubtful)} `));
    const versions = await lab.json<{ path: string; snapshots: number }[]>('find', 'main/*.sql', '--host', 'web1');
    expect(versions).toMatchObject([
      { path: 'db/main/dump.sql', snapshots: 3, size: 300_000, first: { id: lab.oldest } },
    ]);
    expect(await lab.json('find', 'post', '--host', 'db1')).toEqual([]);
    const none = await expectCode(0, lab.server('find', 'nowhere'));
    expect(none.stdout).toContain('Nothing found that is called "nowhere".');
    await expectCode(2, lab.server('find', 'a['));
    await expectCode(2, lab.server('find', 'post', '--host', 'web9'));
  });

  it('`diff` tells what came, went and changed', async () => {
    const { stdout } = await expectCode(0, lab.server('diff', 'web1@2026-03-01', 'web1@2026-03-05'));
    expect(stdout).toMatch(/^\+ web\/blog\/more$/m);
    expect(stdout).toMatch(/^- db\/main\/binary$/m);
    expect(stdout).toMatch(/^M web\/blog\/post$/m);
    expect(stdout).toContain('1 added (+), 1 removed (-), 1 with other content (M)\n');
    expect(stdout).not.toContain('.backup');
    const lines = (await expectCode(0, lab.server('--json', 'diff', lab.oldest, lab.newer))).stdout.trim().split('\n');
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ counts: { added: 1 }, from: { snapshot: lab.oldest } });
    const hosts = await expectCode(2, lab.server('diff', lab.oldest, lab.other));
    expect(hosts.stderr).toContain('Only snapshots of one host can be compared; these are of web1 and db1.');
  });

  it('`dump` gives out the bytes as they are, and directories as tar only where that is wanted', async () => {
    const command = `node ${bundleOf('server')} -c ${lab.at('server_config.yml')} -v dump web1@2026-03-01`;
    execFileSync('bash', [
      '-euc',
      `${command} db/main/binary > ${lab.at('binary')}; ${command} web/shop --archive | tar -tf - > ${lab.at('names')}`,
    ]);
    expect(fs.readFileSync(lab.at('binary'))).toEqual(Buffer.from([0, 255, 13, 10]));
    expect(fs.readFileSync(lab.at('names'), 'utf8')).toContain(String.raw`web/shop/data/new\nline`);
    const full = spawnSync('bash', ['-c', `${command} db/main/dump.sql > /dev/full`], { encoding: 'utf8' });
    expect(full.status).toBe(1);
    expect(full.stderr).toContain('ERROR: There is no room left where standard output goes to');
    const directory = await expectCode(2, lab.server('dump', 'web1', 'web/shop'));
    expect(directory.stderr).toContain('"web/shop" is a directory: --archive writes it as tar');
    expect(directory.stdout).toBe('');
    const missing = await expectCode(2, lab.server('dump', 'web1', 'web/shop/data/b.conf'));
    expect(missing.stderr).toMatch(/has no "web\/shop\/data\/b\.conf"\. In web\/shop\/data there are: .*a\.conf/);
  });

  it('`mount` shows them until Ctrl-C', async () => {
    const running = lab.start('mount', lab.at('mounted'), 'web1');
    const post = lab.at('mounted/snapshots/2026-03-01T03:00:00Z/web/blog/post');
    await until('the mount', () => running.child.exitCode !== null || isThere(post));
    expect(execFileSync('cat', [post], { encoding: 'utf8' })).toBe('first\n');
    running.child.kill('SIGINT');
    const { stdout } = await expectCode(130, running.ended);
    expect(stdout).toContain(`The snapshots of web1 are in ${lab.at('mounted')}/snapshots (read-only)`);
    expect(fs.readdirSync(lab.at('mounted'))).toEqual([]);
    const which = await expectCode(2, lab.server('mount', lab.at('mounted')));
    const script = 'mount -t tmpfs t /dev; mknod /dev/null c 1 3; exec "$@"';
    const words = [bundleOf('server'), '-c', lab.at('server_config.yml'), 'mount', lab.at('other'), 'web1'];
    const without = spawnSync('unshare', ['-m', 'sh', '-c', script, '-', 'node', ...words], { encoding: 'utf8' });
    expect(without.status).toBe(1);
    expect(without.stderr).toContain('There is no /dev/fuse: this machine cannot mount');
    expect(which.stderr).toContain('Say which host: backup-server mount DIR HOST. Configured hosts: web1, db1');
    await expectCode(2, lab.server('mount', lab.at('live'), 'web1'));
    await expectCode(2, lab.server('mount', '/mnt', 'web1'));
    const file = await expectCode(2, lab.server('mount', lab.at('password'), 'web1'));
    expect(file.stderr).toContain('EEXIST. Give another directory.');
  });

  it('a reader that goes away ends a listing without noise', async () => {
    const child = spawn('bash', [
      '-c',
      `node ${bundleOf('server')} -c ${lab.at('server_config.yml')} ls -R web1 | true`,
    ]);
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    await once(child, 'close');
    expect(text).toBe('');
  });
});

/** By another process: a file system that does not answer must not stop this one. */
function isThere(path: string): boolean {
  try {
    execFileSync('test', ['-e', path], { timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}
