// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { SshTarget } from '../../packages/server/src/config/host.ts';
import { fingerprint } from '../../packages/server/src/remotes/sftp/host-key.ts';
import { connectSftp } from '../../packages/server/src/remotes/sftp/index.ts';
import { scanHostKeys } from '../../packages/server/src/remotes/sftp/scan-host-key.ts';
import { silentLog } from '../helpers/silent-log.ts';
import { freePort, makeKey, publicKeyOf, type Sshd, type SshdOptions, startSshd } from '../helpers/sshd.ts';

const options = { log: silentLog, signal: new AbortController().signal, hostname: 'web1' };

let sshd: Sshd;
let directory: string;
beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd.stop());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'login-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A server for one test. */
async function startOther(settings: SshdOptions = {}): Promise<Sshd> {
  const server = await startSshd(settings);
  onTestFinished(() => server.stop());
  return server;
}

/** Logs in and out again. */
async function logIn(overrides: Partial<SshTarget> = {}, spool = directory): Promise<void> {
  const remote = await connectSftp(sshd.target(overrides), spool, options);
  await remote.close();
}

function fingerprintOf(publicKey: string): string {
  return fingerprint(Buffer.from(publicKey.split(' ')[1] ?? '', 'base64'));
}

describe('a client key', () => {
  test('that the server does not accept is named, with the line that is missing there', async () => {
    const keyFile = makeKey(join(directory, 'wrong'), 'ed25519');
    const publicKey = publicKeyOf(keyFile);
    const failure = await logIn({ keyFile }).catch((error: Error) => error);
    expect(failure).toMatchObject({ code: 'failed' });
    expect(String(failure)).toContain(`refused the key ${fingerprintOf(publicKey)}`);
    expect(String(failure)).toContain(`authorized_keys of ${sshd.user} there: restrict ${publicKey}`);
  });

  test('that others may read is not used', async () => {
    const keyFile = makeKey(join(directory, 'open'), 'ed25519');
    chmodSync(keyFile, 0o644);
    await expect(logIn({ keyFile })).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('0644'),
    });
  });

  test('that is missing, encrypted, public or no key at all is told apart', async () => {
    const encrypted = makeKey(join(directory, 'encrypted'), 'ed25519', 'secret');
    const passphraseFile = join(directory, 'passphrase');
    writeFileSync(passphraseFile, 'wrong\n', { mode: 0o600 });
    chmodSync(`${encrypted}.pub`, 0o600);
    await expect(logIn({ keyFile: join(directory, 'none') })).rejects.toThrow(/no such file/);
    await expect(logIn({ keyFile: encrypted })).rejects.toThrow(/it is encrypted/);
    await expect(logIn({ keyFile: encrypted, passphraseFile })).rejects.toThrow(
      /passphrase in .* is not the right one/,
    );
    await expect(logIn({ keyFile: `${encrypted}.pub` })).rejects.toThrow(/holds a public SSH key/);
    await expect(logIn({ keyFile: passphraseFile })).rejects.toThrow(/it is no private key/);
  });

  test('in PKCS#8 is refused with a command that mends it', async () => {
    const keyFile = join(directory, 'pkcs8');
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-m', 'PKCS8', '-N', '', '-f', keyFile]);
    const failure = await logIn({ keyFile }).catch((error: Error) => error);
    expect(failure).toMatchObject({ code: 'config' });
    expect(String(failure)).toContain(`ssh-keygen -p -f ${keyFile}`);
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', '', '-f', keyFile], { stdio: 'ignore' });
    await expect(logIn({ keyFile })).rejects.toThrow(/refused the key/);
  });

  test('may come from an agent', async () => {
    const agent = await startAgent();
    try {
      await expect(logIn({ keyFile: undefined, useAgent: true })).rejects.toThrow(/refused the keys of the SSH agent/);
      execFileSync('ssh-add', ['-q', sshd.clientKey], { env: { ...process.env, SSH_AUTH_SOCK: agent.socket } });
      await logIn({ keyFile: undefined, useAgent: true });
      await logIn({ keyFile: makeKey(join(directory, 'wrong'), 'ed25519'), useAgent: true });
    } finally {
      agent.stop();
    }
    await expect(logIn({ keyFile: undefined, useAgent: true })).rejects.toThrow(/SSH_AUTH_SOCK/);
    await expect(logIn({ keyFile: undefined })).rejects.toThrow(/no way to log in/);
  });
});

describe('a jump host', () => {
  test('is gone through, and both host keys are checked', async () => {
    const jump = await startOther();
    await logIn({ jump: jump.target() });
    expect(jump.log()).toMatch(/Accepted publickey/);
    await expect.poll(() => jump.sessions(), { timeout: 5_000 }).toEqual([]);
    await expect(logIn({ jump: jump.target({ knownHostsFiles: [] }) })).rejects.toThrow(
      new RegExp(`\\[127\\.0\\.0\\.1\\]:${jump.port} is not known`),
    );
    await expect(logIn({ jump: jump.target(), knownHostsFiles: [] })).rejects.toThrow(
      new RegExp(`\\[127\\.0\\.0\\.1\\]:${sshd.port} is not known`),
    );
    const keys = await scanHostKeys(sshd.target({ jump: jump.target() }), options);
    expect(keys.map((key) => key.type)).toEqual(['ssh-ed25519']);
  });

  test('that forwards nothing, or cannot reach the host, says so', async () => {
    const jump = await startOther({ forwarding: false });
    const open = await startOther();
    await expect(logIn({ jump: jump.target() })).rejects.toThrow(/AllowTcpForwarding yes/);
    await expect(logIn({ jump: open.target(), port: await freePort() })).rejects.toThrow(
      /cannot reach 127\.0\.0\.1:\d+ from there/,
    );
  });
});

describe('a server', () => {
  test('that does not exist, refuses, or is no SSH server is told apart', async () => {
    await expect(logIn({ address: 'no-such-host.invalid' })).rejects.toThrow(
      /Cannot resolve the address no-such-host\.invalid/,
    );
    await expect(logIn({ port: await freePort() })).rejects.toThrow(/refuses connections/);
    const web = createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(
      0,
      '127.0.0.1',
    );
    await new Promise((resolve) => web.once('listening', resolve));
    await expect(logIn({ port: (web.address() as { port: number }).port })).rejects.toThrow(
      /broke off the SSH handshake/,
    );
    await new Promise((resolve) => web.close(resolve));
  });

  test('without SFTP says so', async () => {
    for (const settings of [{ sftp: false }, { config: ['ForceCommand /bin/echo hello'] }]) {
      const server = await startOther(settings);
      const failure = await connectSftp(server.target(), directory, options).catch((error: Error) => error);
      expect(String(failure)).toMatch(/cannot start SFTP.*Subsystem sftp internal-sftp/);
    }
  });

  test('with weak algorithms only is refused', async () => {
    const weak = await startOther({ config: ['Ciphers aes128-cbc'] });
    await expect(connectSftp(weak.target(), directory, options)).rejects.toThrow(/share no algorithm/);
  });

  test('whose spool is missing or closed to the account says which', async () => {
    await expect(logIn({}, join(directory, 'none'))).rejects.toThrow(
      /cannot open the spool .*No such file.*remote_tar_dir/,
    );
    const server = await startOther({ user: 'backup', forceInternalSftp: true });
    const failure = await connectSftp(server.target(), directory, options).catch((error: Error) => error);
    expect(String(failure)).toMatch(/Permission denied.*backup_group/);
  });
});

/** A real ssh-agent, announced in this process's environment until it is stopped. */
async function startAgent(): Promise<{ socket: string; stop: () => void }> {
  const socket = join(directory, 'agent');
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  // It prints its variables when the socket is there.
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const before = process.env.SSH_AUTH_SOCK;
  process.env.SSH_AUTH_SOCK = socket;
  return {
    socket,
    stop: () => {
      child.kill();
      if (before === undefined) delete process.env.SSH_AUTH_SOCK;
      else process.env.SSH_AUTH_SOCK = before;
    },
  };
}
