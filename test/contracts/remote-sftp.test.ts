// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { connectSftp } from '../../packages/server/src/remotes/sftp/index.ts';
import { silentLog } from '../helpers/silent-log.ts';
import { type Sshd, type SshdOptions, startSshd } from '../helpers/sshd.ts';
import { collect, remoteContract } from './remote.ts';

const never = new AbortController().signal;
const options = { log: silentLog, signal: never };

let sshd: Sshd;
let withoutPosixRename: Sshd;
beforeAll(async () => {
  sshd = await startSshd({ restrict: true, forceInternalSftp: true });
  withoutPosixRename = await startSshd({ config: ['ForceCommand internal-sftp -P posix-rename'] });
});
afterAll(async () => {
  await sshd.stop();
  await withoutPosixRename.stop();
});

remoteContract('sftp, account restricted to internal-sftp', () => makeSpool(sshd));
remoteContract('sftp without the posix-rename extension', () => makeSpool(withoutPosixRename));

async function makeSpool(server: Sshd) {
  const directory = mkdtempSync(join(tmpdir(), 'spool-'));
  const path = (name: string) => join(directory, name);
  return {
    directory,
    remote: await connectSftp(server.target(), directory, options),
    put(name: string, content: Buffer | string, mtime?: number) {
      writeFileSync(path(name), content);
      if (mtime !== undefined) utimesSync(path(name), mtime, mtime);
    },
    mkdir: (name: string) => mkdirSync(path(name)),
    symlink: (name: string) => symlinkSync('/etc/passwd', path(name)),
    get: (name: string) => (existsSync(path(name)) ? readFileSync(path(name)) : undefined),
    end: async () => rmSync(directory, { recursive: true, force: true }),
  };
}

describe('names that a hostile client can make', () => {
  test('are listed as other, escaped, and lead nowhere', async () => {
    const spool = await makeSpool(sshd);
    writeFileSync(Buffer.concat([Buffer.from(`${spool.directory}/`), Buffer.from([0x66, 0xff, 0x6f])]), 'x');
    spool.put('a\nb', 'x');
    spool.put('\u001b[31mred', 'x');
    spool.put('plain ünïcode', 'x');
    const files = [...(await spool.remote.list())].sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(files.map((file) => [file.name, file.type])).toEqual([
      ['\\x1b[31mred', 'other'],
      ['a\\nb', 'other'],
      ['f\ufffdo', 'other'],
      ['plain ünïcode', 'file'],
    ]);
    await spool.remote.close();
    await spool.end();
  });
});

describe('kinds of accounts and keys', () => {
  test.each(['ed25519', 'rsa', 'ecdsa'] as const)(
    'logs in with an %s key that has a passphrase',
    async (clientKeyType) => {
      const server = await startOther({ clientKeyType, passphrase: 'correct horse' });
      const passphraseFile = join(server.directory, 'passphrase');
      writeFileSync(passphraseFile, 'correct horse\n', { mode: 0o600 });
      const remote = await connectSftp(server.target({ passphraseFile }), server.directory, options);
      expect((await remote.stat('passphrase'))?.size).toBe(14);
      await remote.close();
    },
  );

  test.each(['ed25519', 'rsa', 'ecdsa'] as const)(
    'trusts a host by its %s key alone, whatever else it offers',
    async (type) => {
      const server = await startOther({ hostKeyTypes: ['ed25519', 'ecdsa', 'rsa'] });
      const knownHosts = join(server.directory, 'only-one');
      writeFileSync(knownHosts, `[127.0.0.1]:${server.port} ${server.hostKeys[type]}\n`);
      const remote = await connectSftp(server.target({ knownHostsFiles: [knownHosts] }), server.directory, options);
      await remote.close();
    },
  );

  test('reads a spool within a chroot of an account without a shell, and cannot leave it', async () => {
    const chroot = makeChroot();
    mkdirSync(join(chroot, 'spool'));
    writeFileSync(join(chroot, 'spool', 'a'), 'inside');
    symlinkSync('/etc/passwd', join(chroot, 'spool', 'passwd'));
    const server = await startOther({ user: 'backup', chroot, forceInternalSftp: true, restrict: true });
    const remote = await connectSftp(server.target(), '/spool', options);
    expect((await collect(remote, 'a')).data.toString()).toBe('inside');
    await expect(remote.read('passwd', 100_000)).rejects.toThrow(/No such file/);
    await expect(remote.remove('a')).rejects.toThrow(/Permission denied/);
    await remote.close();
  });
});

/** A server for one test. */
async function startOther(settings: SshdOptions): Promise<Sshd> {
  const server = await startSshd(settings);
  onTestFinished(() => server.stop());
  return server;
}

/** It must not lie below a directory that others can write to, so not in /tmp; mkdtemp's 0700 would keep the account out. */
function makeChroot(): string {
  const directory = mkdtempSync('/srv/chroot-');
  chmodSync(directory, 0o755);
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}
