// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Duplex } from 'node:stream';
import ssh2, { type Algorithms, type AnyAuthMethod, type Client, type ConnectConfig } from 'ssh2';

/** How far a log-in had come when it failed. */
export type LoginPhase = 'connect' | 'handshake' | 'login';

export interface LoginFailure {
  readonly phase: LoginPhase;
  readonly error: Error;
}

export interface LoginOptions {
  readonly user: string;
  /** Host key algorithms to offer; not empty (ssh2 would offer its defaults). */
  readonly hostKeyAlgorithms: readonly string[];
  /** Synchronous, a boolean. */
  readonly acceptHostKey: (blob: Buffer) => boolean;
  readonly methods: readonly AnyAuthMethod[];
  readonly limitMs: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveCountMax: number;
}

/** Without SHA-1, CBC, MD5 and compression; ssh2 adds strict key exchange (CVE-2023-48795) by itself. */
const KEX = [
  'curve25519-sha256',
  'curve25519-sha256@libssh.org',
  'ecdh-sha2-nistp256',
  'ecdh-sha2-nistp384',
  'ecdh-sha2-nistp521',
  'diffie-hellman-group-exchange-sha256',
  'diffie-hellman-group16-sha512',
  'diffie-hellman-group18-sha512',
  'diffie-hellman-group14-sha256',
];
const CIPHERS = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
];
const MACS = ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'];

/** Logs in over a stream. Rejects with a {@link LoginFailure}, and the stream is destroyed then. */
export function logIn(stream: Duplex, options: LoginOptions): Promise<Client> {
  const client = new ssh2.Client();
  let phase: LoginPhase = 'connect';
  let problem: Error | undefined;
  return new Promise((resolve, reject) => {
    const fail = () => {
      stream.destroy();
      reject({ phase, error: problem ?? new Error('the connection was closed') } satisfies LoginFailure);
    };
    client.on('error', (error: Error & { level?: string }) => {
      problem ??= error;
      // An agent that does not answer is not the end: the other methods are still to be tried.
      if (error.level !== 'agent') fail();
    });
    client.on('connect', () => {
      phase = 'handshake';
    });
    client.on('handshake', () => {
      phase = 'login';
    });
    client.once('close', fail);
    client.once('ready', () => {
      client.removeListener('close', fail);
      resolve(client);
    });
    try {
      client.connect(connectConfig(stream, options));
    } catch (error) {
      problem = error as Error;
      fail();
    }
  });
}

/** The host key that a server shows for these algorithms; undefined when it has none. Nobody logs in. */
export async function offeredHostKey(
  stream: Duplex,
  options: Omit<LoginOptions, 'acceptHostKey' | 'methods'>,
): Promise<Buffer | undefined> {
  let offered: Buffer | undefined;
  const acceptHostKey = (blob: Buffer) => {
    offered = blob;
    return false;
  };
  try {
    await logIn(stream, { ...options, acceptHostKey, methods: [] });
  } catch (failure) {
    if (offered === undefined && !isNoSuchHostKey(failure as LoginFailure)) throw failure;
  }
  return offered;
}

/** True when the server has no host key of the types that were offered to it. */
export function isNoSuchHostKey(failure: LoginFailure): boolean {
  return failure.phase === 'handshake' && failure.error.message.includes('no matching host key');
}

function connectConfig(stream: Duplex, options: LoginOptions): ConnectConfig {
  const algorithms = {
    kex: KEX,
    serverHostKey: [...options.hostKeyAlgorithms],
    cipher: CIPHERS,
    hmac: MACS,
    compress: ['none'],
  } as Algorithms;
  return {
    sock: stream,
    username: options.user,
    hostVerifier: (blob: Buffer): boolean => options.acceptHostKey(blob),
    algorithms,
    authHandler: [...options.methods],
    agentForward: false,
    tryKeyboard: false,
    readyTimeout: options.limitMs,
    keepaliveInterval: options.keepaliveIntervalMs,
    // ssh2 gives up one interval after the last keepalive that it counts; with 0 it would never send one.
    keepaliveCountMax: Math.max(1, options.keepaliveCountMax - 1),
  };
}
