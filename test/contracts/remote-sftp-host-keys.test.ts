// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { SshTarget } from '../../packages/server/src/config/host.ts';
import { fingerprint } from '../../packages/server/src/remotes/sftp/host-key.ts';
import { connectSftp } from '../../packages/server/src/remotes/sftp/index.ts';
import { lookupHost, parseKnownHosts } from '../../packages/server/src/remotes/sftp/known-hosts.ts';
import { appendHostKeys } from '../../packages/server/src/remotes/sftp/known-hosts-file.ts';
import { scanHostKeys } from '../../packages/server/src/remotes/sftp/scan-host-key.ts';
import { silentLog } from '../helpers/silent-log.ts';
import { makeKey, publicKeyOf, type Sshd, startSshd } from '../helpers/sshd.ts';

const options = { log: silentLog, signal: new AbortController().signal, hostname: 'web1' };

let sshd: Sshd;
let directory: string;
beforeAll(async () => {
  sshd = await startSshd({ hostKeyTypes: ['ed25519', 'rsa'] });
});
afterAll(() => sshd.stop());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'host-key-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const name = () => `[127.0.0.1]:${sshd.port}`;

/** Logs in and out again. */
async function logIn(overrides: Partial<SshTarget> = {}): Promise<void> {
  const remote = await connectSftp(sshd.target(overrides), directory, options);
  await remote.close();
}

function knownHosts(...lines: string[]): { knownHostsFiles: [string] } {
  const file = join(directory, 'known_hosts');
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  return { knownHostsFiles: [file] };
}

function fingerprintOf(key: string | undefined): string {
  return fingerprint(Buffer.from(key?.split(' ')[1] ?? '', 'base64'));
}

/** Nobody may have tried to log in: a key must not even be shown to the wrong host. */
function expectNoLogin(since: number): void {
  expect(sshd.log().slice(since)).not.toMatch(/Accepted|Failed publickey|Postponed|userauth/i);
}

describe('a host key', () => {
  test('that is not known is refused, with its fingerprint and how to record it', async () => {
    const before = sshd.log().length;
    await expect(logIn(knownHosts())).rejects.toMatchObject({
      code: 'untrusted',
      message: expect.stringMatching(/not known.*ssh-ed25519 SHA256:.*backup-server init web1/),
    });
    await expect(logIn({ knownHostsFiles: [] })).rejects.toThrow(fingerprintOf(sshd.hostKeys.ed25519));
    await expect(logIn({ knownHostsFiles: [join(directory, 'missing')] })).rejects.toThrow(/not known/);
    expectNoLogin(before);
  });

  test('that has changed is refused, with both fingerprints', async () => {
    const before = sshd.log().length;
    const other = publicKeyOf(makeKey(join(directory, 'other'), 'ed25519'));
    const failure = await logIn(knownHosts(`${name()} ${other}`)).catch((error: Error) => error);
    expect(failure).toMatchObject({ code: 'untrusted' });
    expect(String(failure)).toMatch(/has changed.*Do not continue unless/);
    expect(String(failure)).toContain(fingerprintOf(other));
    expect(String(failure)).toContain(fingerprintOf(sshd.hostKeys.ed25519));
    expectNoLogin(before);
  });

  test('of another type than the pinned one is a changed key, and shown', async () => {
    const ecdsa = publicKeyOf(makeKey(join(directory, 'ecdsa'), 'ecdsa'));
    const failure = await logIn(knownHosts(`${name()} ${ecdsa}`)).catch((error: Error) => error);
    expect(String(failure)).toMatch(
      /has changed: it now offers ssh-ed25519 SHA256:.*known is ecdsa-sha2-nistp256 SHA256:/,
    );
  });

  test('that is revoked is refused even when it is pinned', async () => {
    const key = sshd.hostKeys.ed25519;
    const lines = knownHosts(`${name()} ${key}`, `@revoked * ${key}`);
    await expect(logIn(lines)).rejects.toMatchObject({
      code: 'untrusted',
      message: expect.stringContaining('revoked'),
    });
  });

  test('that is only vouched for by a certificate authority is unknown', async () => {
    const lines = knownHosts(`@cert-authority * ${sshd.hostKeys.ed25519}`);
    await expect(logIn(lines)).rejects.toThrow(/not known/);
  });

  test('is accepted when only its RSA key is pinned though the host prefers ed25519', async () => {
    await logIn(knownHosts(`${name()} ${sshd.hostKeys.rsa}`));
  });

  test('is found under a name hashed by OpenSSH itself', async () => {
    const lines = knownHosts(`${name()} ${sshd.hostKeys.ed25519}`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', lines.knownHostsFiles[0]], { stdio: 'ignore' });
    expect(readFileSync(lines.knownHostsFiles[0], 'utf8')).toMatch(/^\|1\|/);
    await logIn(lines);
  });

  test('may be in any of several files, and another port does not count', async () => {
    const right = knownHosts(`${name()} ${sshd.hostKeys.ed25519}`).knownHostsFiles;
    const wrong = join(directory, 'wrong-port');
    writeFileSync(wrong, `[127.0.0.1]:1 ${sshd.hostKeys.ed25519}\n`);
    await logIn({ knownHostsFiles: [wrong, ...right] });
    await expect(logIn({ knownHostsFiles: [wrong] })).rejects.toThrow(/not known/);
  });

  test('counts for nothing in a file that everybody may write to', async () => {
    const lines = knownHosts(`${name()} ${sshd.hostKeys.ed25519}`);
    chmodSync(lines.knownHostsFiles[0], 0o666);
    await expect(logIn(lines)).rejects.toMatchObject({ code: 'config', message: expect.stringContaining('chmod o-w') });
  });

  test('that init has scanned and recorded is trusted, and OpenSSH agrees', async () => {
    const keys = await scanHostKeys(sshd.target({ knownHostsFiles: [] }), options);
    expect(keys.map((key) => key.type)).toEqual(['ssh-ed25519', 'ssh-rsa']);
    const file = join(directory, 'new', 'known_hosts');
    await appendHostKeys(file, { address: '127.0.0.1', port: sshd.port }, keys);
    await logIn({ knownHostsFiles: [file] });
    expect(execFileSync('ssh-keygen', ['-F', name(), '-f', file], { encoding: 'utf8' })).toContain(
      sshd.hostKeys.ed25519,
    );
    const pins = lookupHost([parseKnownHosts(readFileSync(file, 'utf8'), file)], '127.0.0.1', sshd.port);
    expect(pins.pinned).toHaveLength(2);
  });
});
