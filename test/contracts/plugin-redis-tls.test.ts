// SPDX-License-Identifier: AGPL-3.0-or-later

import { once } from 'node:events';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { dial } from '../../packages/client/src/plugins/redis/dial.ts';
import { redis } from '../../packages/client/src/plugins/redis/index.ts';
import { secureWith } from '../../packages/client/src/plugins/redis/tls.ts';
import { SOCKET, withTunnel } from '../../packages/client/src/plugins/redis/tunnel.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { type Certificate, CertificateAuthority } from '../helpers/certificates.ts';
import { pluginContext } from '../helpers/plugin-context.ts';
import { RedisLab } from '../helpers/redis-lab.ts';
import { pluginContract } from './plugin.ts';

const files = mkdtempSync(join(tmpdir(), 'redis-tls-'));
const authority = new CertificateAuthority(files, 'authority');
const client = authority.issue('client', 'DNS:client.example.org');
const labs: { readonly lab: RedisLab; readonly port: number }[] = [];

/** A server that speaks TLS on a port, and demands a certificate of its clients. */
async function serve({ cert, key }: Certificate): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const lab = new RedisLab();
    const own = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', authority.file];
    try {
      await lab.start('--tls-port', String(port), ...own);
      labs.push({ lab, port });
      return port;
    } catch (error) {
      await lab.remove();
      // Somebody else was quicker.
      if (attempt === 5) throw error;
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

const server = { good: 0, named: 0, expired: 0 };

beforeAll(async () => {
  server.good = await serve(authority.issue('good', 'IP:127.0.0.1'));
  server.named = await serve(authority.issue('named', 'DNS:redis.example.org'));
  server.expired = await serve(authority.issue('expired', 'IP:127.0.0.1', -1));
});

afterAll(async () => {
  for (const { lab } of labs) await lab.remove();
  rmSync(files, { recursive: true, force: true });
});

const ours = { ca_file: authority.file, cert_file: client.cert, key_file: client.key };
const labOf = (port: number) => labs.find((each) => each.port === port)?.lab ?? new RedisLab();

describe.each([
  ['rdb', {}],
  ['bgsave', { method: 'bgsave' }],
  ['keys', { keys: ['*'] }],
])('saved by %s over TLS', (_name, more) => {
  pluginContract(redis, () => {
    const lab = labOf(server.good);
    lab.cli(['FLUSHALL']);
    lab.cli(['-x', 'SET', 'a'], Buffer.from([0, 1, 255, 13, 10]));
    return {
      options: { port: server.good, tls: ours, ...more },
      stateOfHost: () => lab.state(),
      destroy: () => lab.cli(['SET', 'a', '2']),
      damage: (copy) => {
        const [file = ''] = readdirSync(join(copy, 'redis')).filter((name) => !name.endsWith('.json'));
        truncateSync(join(copy, 'redis', file), 20);
      },
    };
  });
});

describe('redis over TLS', () => {
  let stage: string;

  beforeEach(() => {
    stage = mkdtempSync(join(files, 'stage-'));
  });

  const contextOf = (options: object, more: object = {}) => pluginContext(redis, { options, stage, ...more });
  const saying = (options: object) =>
    expect(redis.validate?.(contextOf({ port: server.good, tls: ours, ...options }))).rejects;

  it('gives redis-cli a socket in the stage, for a time, and neither key nor address', async () => {
    // Longer than the path of a socket may be.
    stage = join(stage, 'long'.repeat(40));
    mkdirSync(stage, { mode: 0o700 });
    const calls: string[] = [];
    const real = createRun({ scrub: (text) => text });
    const exec: typeof real = (program, args, options) => {
      const { cwd = '' } = options;
      if (args.includes('--rdb')) expect(lstatSync(join(cwd, args[1] ?? '')).isSocket()).toBe(true);
      calls.push([cwd, program, ...args].join(' '));
      return real(program, args, options);
    };
    await redis.run(contextOf({ port: server.named, tls: { ...ours, server_name: 'redis.example.org' } }, { exec }));
    // What kill -9 leaves is swept with the stage.
    expect(calls).toContain(`${stage}/redis redis-cli -s tls.sock --rdb -`);
    expect(readdirSync(join(stage, 'redis')).sort()).toEqual(['dump.rdb', 'saved.json']);
  });

  it('asks for the server by its name, which what is in front of several goes by; not by an address', async () => {
    const { cert, key } = authority.issue('both', 'DNS:localhost,IP:127.0.0.1');
    const asked: string[] = [];
    const listener = createTlsServer({
      ...{ cert: readFileSync(cert), key: readFileSync(key) },
      SNICallback: (name, done) => {
        asked.push(name);
        done(null);
      },
    });
    listener.on('tlsClientError', () => undefined);
    await once(listener.listen(0), 'listening');
    const address = { host: 'localhost', port: (listener.address() as AddressInfo).port };
    const tls = await secureWith(ours);
    const connect = (serverName: string | undefined) =>
      dial({ title: 'it', address, tls: { ...tls, serverName } }, new AbortController().signal);
    for (const serverName of [undefined, '127.0.0.1']) (await connect(serverName)).destroy();
    await expect(connect('127.0.0.2')).rejects.toThrow(/not for this name/);
    listener.close();
    expect(asked).toEqual(['localhost']);
  });

  it('says what is wrong with the certificate of the server', async () => {
    const other = new CertificateAuthority(files, 'other');
    await saying({ tls: { ...ours, ca_file: other.file } }).toThrow(
      /comes from no authority in .*other\.crt.*`tls\.ca_file`/,
    );
    await saying({ tls: { cert_file: client.cert, key_file: client.key } }).toThrow(
      // Of the package ca-certificates, which may not be there.
      /\/etc\/ssl\/certs\/ca-certificates\.crt/,
    );
    await saying({ port: server.expired }).toThrow(/has expired/);
    await saying({ port: server.named }).toThrow(
      /not for this name, but for: DNS:redis\.example\.org.*`tls\.server_name`/,
    );
  });

  it('tells why the way through TLS failed, not what redis-cli makes of that', async () => {
    const place = { title: 'it', address: { host: '127.0.0.1', port: server.named }, tls: await secureWith(ours) };
    const ended = withTunnel({ place, directory: stage }, new AbortController().signal, async () => {
      await once(
        connect(join(stage, SOCKET)).on('error', () => undefined),
        'close',
      );
      throw new Error('redis-cli failed');
    });
    await expect(ended).rejects.toThrow(/Cannot talk to it: its certificate is not for this name/);
  });

  it('believes nobody because of the environment', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockReturnValue();
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      await saying({ port: server.named }).toThrow(/not for this name/);
      // Node.js has seen it.
      expect(warned).toHaveBeenCalledWith(expect.stringContaining('NODE_TLS_REJECT_UNAUTHORIZED'));
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
      warned.mockRestore();
    }
  });

  it('says that the server wants a certificate, that it speaks no TLS, or nothing but TLS', async () => {
    await saying({ tls: { ca_file: authority.file } }).toThrow(
      /refuses the certificate of this client.*`tls\.cert_file`/,
    );
    const stranger = new CertificateAuthority(files, 'stranger').issue('guest', 'DNS:guest');
    const theirs = { ca_file: authority.file, cert_file: stranger.cert, key_file: stranger.key };
    await saying({ tls: theirs }).toThrow(/refuses the certificate of this client/);
    await saying({ tls: undefined }).toThrow(/(?:closed the connection|ECONNRESET).*set `tls`/);
    const echo = createServer((socket) => socket.on('error', () => undefined).write('-ERR I am plain\r\n'));
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    const { port } = echo.address() as AddressInfo;
    await saying({ port }).toThrow(/does not speak TLS.*Correct `port`, or leave out `tls`/);
    echo.close();
  });

  it('says what is wrong with its own files, without the key', async () => {
    const [key, cert] = [join(files, 'some.key'), join(files, 'some.crt')];
    const tls = { ca_file: authority.file, cert_file: client.cert, key_file: key };
    await saying({ tls }).toThrow(/some\.key/);
    writeFileSync(key, readFileSync(client.key), { mode: 0o600 });
    chmodSync(key, 0o644);
    await saying({ tls }).toThrow(/mode 0644.*chmod 600/);
    writeFileSync(key, 'canary', { mode: 0o600 });
    chmodSync(key, 0o600);
    await saying({ tls }).toThrow(/^(?!.*canary).*holds no private key/);
    writeFileSync(key, readFileSync(authority.issue('third', 'DNS:third').key));
    await saying({ tls }).toThrow(/some\.key is not the key of .*client\.crt/);
    writeFileSync(cert, 'no certificate');
    await saying({ tls: { ca_file: cert } }).toThrow(/some\.crt holds no certificate/);
    chmodSync(cert, 0o666);
    await saying({ tls: { ca_file: cert } }).toThrow(/can be written to by others/);
  });

  it('refuses what contradicts itself', () => {
    const refused = (options: object) => redis.options.safeParse(options).error?.issues[0]?.message;
    expect(refused({ tls: {}, socket: '/s' })).toMatch(/belongs to `host`/);
    expect(refused({ tls: {}, container: 'c' })).toMatch(/belongs to `host`/);
    expect(refused({ tls: { cert_file: '/c' } })).toMatch(/with `key_file`/);
    expect(refused({ tls: { insecure: true } })).toMatch(/[Uu]nrecognized|insecure/);
  });
});
