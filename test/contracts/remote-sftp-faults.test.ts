// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { SshTarget } from '../../packages/server/src/config/host.ts';
import type { Remote } from '../../packages/server/src/remotes/remote.ts';
import { connectSftp } from '../../packages/server/src/remotes/sftp/index.ts';
import { silentLog } from '../helpers/silent-log.ts';
import { type Sshd, startSshd } from '../helpers/sshd.ts';
import { startTcpProxy, type TcpProxy } from '../helpers/tcp-proxy.ts';

/** What became of a server or line in the middle of it all. Every test would hang for ever if a request could. */
const content = randomBytes(12_000_000);
const anyRate = { offset: 0, maxBytes: Number.MAX_SAFE_INTEGER, minimumRate: 1_000 };

let sshd: Sshd;
let proxy: TcpProxy;
let spool: string;
let remotes: Remote[];
let abort: AbortController;

beforeAll(async () => {
  sshd = await startSshd();
});
afterAll(() => sshd.stop());
beforeEach(async () => {
  proxy = await startTcpProxy(sshd.port);
  spool = mkdtempSync(join(tmpdir(), 'spool-'));
  writeFileSync(join(spool, 'a'), content);
  remotes = [];
  abort = new AbortController();
});
afterEach(async () => {
  proxy.thaw();
  sshd.thawSessions();
  for (const remote of remotes) await remote.close();
  await proxy.stop();
  rmSync(spool, { recursive: true });
});

/** Through the proxy; the key is pinned for the proxy's port. */
async function connect(overrides: Partial<SshTarget> = {}, stallWindowMs = 60_000): Promise<Remote> {
  const knownHosts = join(spool, '.known_hosts');
  writeFileSync(knownHosts, `[127.0.0.1]:${proxy.port} ${sshd.hostKeys.ed25519}\n`);
  const target = sshd.target({ port: proxy.port, knownHostsFiles: [knownHosts], ...overrides });
  const remote = await connectSftp(target, spool, { log: silentLog, signal: abort.signal, stallWindowMs });
  remotes.push(remote);
  return remote;
}

describe('a lost link', () => {
  test('in the middle of a fetch rejects it, what came is right, and a new link goes on from there', async () => {
    const pieces: Buffer[] = [];
    const onData = (data: Buffer) => void pieces.push(data);
    proxy.cutAfter(5_000_000);
    const first = await connect();
    await expect(first.fetch('a', { ...anyRate, onData })).rejects.toThrow(/Lost the connection to .*@127\.0\.0\.1/);
    const offset = Buffer.concat(pieces).length;
    expect(offset).toBeGreaterThan(1_000_000);
    expect(offset).toBeLessThan(5_000_000);
    await expect(first.stat('a')).rejects.toThrow(/Lost the connection/);

    const second = await connect();
    expect(await second.fetch('a', { ...anyRate, offset, onData })).toBe(content.length);
    expect(Buffer.concat(pieces).equals(content)).toBe(true);
  });

  test('after the session of sshd was killed rejects a fetch at once', async () => {
    const remote = await connect();
    const onData = () => sshd.killSessions();
    await expect(remote.fetch('a', { ...anyRate, onData })).rejects.toMatchObject({ code: 'failed' });
  });

  test('while the peer is frozen is noticed by keepalive', async () => {
    const remote = await connect({ keepaliveIntervalMs: 400, keepaliveCountMax: 3, requestTimeoutMs: 60_000 });
    proxy.freeze();
    const started = Date.now();
    await expect(remote.stat('a')).rejects.toThrow(/no longer answers keepalives/);
    expect(Date.now() - started).toBeLessThan(20_000);
  });

  test('while sshd itself is stopped in the middle of a fetch is noticed too', async () => {
    const remote = await connect({ keepaliveIntervalMs: 400, keepaliveCountMax: 3, requestTimeoutMs: 60_000 });
    const onData = () => sshd.freezeSessions();
    await expect(remote.fetch('a', { ...anyRate, onData })).rejects.toThrow(/no longer answers keepalives/);
  });
});

describe('a peer that is too slow', () => {
  test('when dripping is given up as stalled although it answers keepalives', async () => {
    const remote = await connect({ requestTimeoutMs: 60_000 }, 1_200);
    let received = 0;
    const onData = (data: Buffer) => {
      received += data.length;
      proxy.drip(500);
    };
    await expect(remote.fetch('a', { ...anyRate, minimumRate: 50_000, onData })).rejects.toThrow(
      /stalled: less than 50000/,
    );
    expect(received).toBeLessThan(content.length);
  });

  test('is not what a slow receiver is taken for', async () => {
    const remote = await connect({}, 1_500);
    let calls = 0;
    const onData = async () => {
      if (calls++ < 2) await new Promise((resolve) => setTimeout(resolve, 2_500));
    };
    expect(await remote.fetch('a', { ...anyRate, minimumRate: 100_000, onData })).toBe(content.length);
  });

  test('when it does not answer a request in time loses the link', async () => {
    const remote = await connect({ requestTimeoutMs: 3_000, keepaliveIntervalMs: 60_000 });
    proxy.freeze();
    await expect(remote.stat('a')).rejects.toThrow(/did not answer within 3 s: could not look at/);
    await expect(remote.list()).rejects.toThrow(/did not answer within 3 s/);
  });

  test('when it never finishes the handshake is given up', async () => {
    proxy.freeze();
    await expect(connect({ connectTimeoutMs: 1_000 })).rejects.toThrow(/did not finish the SSH handshake within 1 s/);
  });
});

describe('a fetch', () => {
  test('keeps to the bandwidth limit', async () => {
    const remote = await connect();
    const started = Date.now();
    await remote.fetch('a', { ...anyRate, maxBytes: 1_000_000, bandwidth: 1_000_000, onData: () => undefined });
    const seconds = (Date.now() - started) / 1000;
    expect(seconds).toBeGreaterThan(0.7);
    expect(seconds).toBeLessThan(10);
  });

  test('rejects when the file is cut while it is being fetched', async () => {
    const remote = await connect();
    const onData = () => truncateSync(join(spool, 'a'), 2_000_000);
    await expect(remote.fetch('a', { ...anyRate, onData })).rejects.toThrow(
      /ended at byte 2000000 though it had 12000000/,
    );
    expect(await remote.stat('a')).toMatchObject({ size: 2_000_000 });
  });

  test('ends at once when it is interrupted, with the reason of the signal', async () => {
    const remote = await connect();
    const reason = new Error('stopped by the admin');
    const onData = () => abort.abort(reason);
    await expect(remote.fetch('a', { ...anyRate, onData })).rejects.toBe(reason);
  });
});

test('connecting ends at once when it is interrupted', async () => {
  proxy.freeze();
  const connecting = connect();
  setTimeout(() => abort.abort(new Error('stopped by the admin')), 50);
  await expect(connecting).rejects.toThrow('stopped by the admin');
});
