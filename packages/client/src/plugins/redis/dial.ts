// SPDX-License-Identifier: AGPL-3.0-or-later
import { connect, isIP, type NetConnectOpts, type Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect as connectTls, type SecureContext } from 'node:tls';
import { BackupError } from '@local-backup/common/errors';
import { reasonOf } from './tls-trouble.ts';

/**
 * How long a server may be silent while it owes an answer, a connection or a proof of who it is among them, in milliseconds; or
 * as long as the task may take. FLUSHALL of many gigabytes takes seconds.
 */
const SILENCE_MS = 60_000;

/** TLS, and what the certificate of the server has to say. */
export interface Secured {
  readonly context: SecureContext;
  /** Name that the certificate must be for; undefined: the host that is connected to. */
  readonly serverName: string | undefined;
  /** File with the authorities that are believed, for messages. */
  readonly caFile: string;
}

/** Where a server is, and how to log in. */
export interface Place {
  /** For messages: `the Redis server at 127.0.0.1:6379`. */
  readonly title: string;
  readonly address: NetConnectOpts;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: Secured | undefined;
  /** What the task may take, in milliseconds. */
  readonly timeoutMs?: number | undefined;
}

/** How long this server may be silent, in milliseconds. */
export function silenceMs({ timeoutMs }: Pick<Place, 'timeoutMs'>): number {
  return Math.min(SILENCE_MS, timeoutMs ?? SILENCE_MS);
}

/**
 * Connects. With TLS the server has proven who it is before this resolves, so that nothing is ever sent to anybody else.
 * @throws BackupError `failed` that says why, and what to correct
 */
export async function dial(place: Place, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  const socket = begin(place);
  return new Promise((resolve, reject) => {
    const settle = (error: unknown) => {
      signal.removeEventListener('abort', onAbort);
      socket.setTimeout(0);
      if (error === undefined) return resolve(socket.off('error', onError).off('close', onClose));
      // What it says after that is of no interest, but an error without a listener would end the program.
      socket.on('error', () => undefined).destroy();
      return reject(error);
    };
    const onError = (error: Error) => settle(cannotTalk(place, error));
    const onClose = () => settle(cannotTalk(place, 'it closed the connection'));
    const onAbort = () => settle(signal.reason);
    socket.on('error', onError).on('close', onClose);
    socket.once(place.tls === undefined ? 'connect' : 'secureConnect', () => settle(undefined));
    const limit = silenceMs(place);
    socket.setTimeout(limit, () => settle(cannotTalk(place, `no answer for ${limit / 1000} s`)));
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function begin({ address, tls }: Place): Socket {
  if (tls === undefined) return connect(address);
  const { context: secureContext, serverName } = tls;
  // Said here, because NODE_TLS_REJECT_UNAUTHORIZED=0 of somebody's environment must not count.
  return connectTls({ ...address, secureContext, rejectUnauthorized: true, ...namesOf(address, serverName) });
}

/**
 * Whom the certificate has to be for, and whom the server is asked for (SNI), which Node.js sends only when it is told: what is
 * in front of several servers chooses by that. An address is no name to ask for (RFC 6066, section 3), but can be in a certificate.
 */
function namesOf(address: NetConnectOpts, serverName: string | undefined): ConnectionOptions {
  const name = serverName ?? ('host' in address ? address.host : undefined) ?? '';
  if (isIP(name) === 0) return { servername: name };
  return { checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate) };
}

/** The error for a connection that failed, with what to look at. */
export function cannotTalk({ title, tls }: Pick<Place, 'title' | 'tls'>, cause: Error | string): BackupError {
  const { reason, advice } = reasonOf(cause, tls?.caFile);
  return new BackupError('failed', `Cannot talk to ${title}: ${reason}. ${advice}`);
}
