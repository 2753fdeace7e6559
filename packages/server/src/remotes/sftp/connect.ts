// SPDX-License-Identifier: AGPL-3.0-or-later
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { BackupError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import type { AnyAuthMethod, Client, ClientChannel } from 'ssh2';
import type { SshTarget } from '../../config/host.ts';
import { isNoSuchHostKey, type LoginFailure, logIn, offeredHostKey } from './handshake.ts';
import { algorithmsFor, HOST_KEY_ALGORITHMS, hostKeyRefusal, judgeHostKey } from './host-key.ts';
import { type HostPins, lookupHost } from './known-hosts.ts';
import { readKnownHosts } from './known-hosts-file.ts';
import { createLink, type Link } from './link.ts';
import { loginError } from './login-error.ts';
import { loadPrivateKey, type PrivateKey } from './private-key.ts';

export interface ConnectOptions {
  readonly log: Log;
  /** Ends the connection, and whatever waits for it, at once. */
  readonly signal: AbortSignal;
  /** How the inventory calls the host, for messages; the address unless told. */
  readonly hostname?: string;
}

/** A stream to a target's SSH port, directly or through its jump host. */
export interface Transport {
  readonly stream: Duplex;
  /** The link to the jump host, which has to be closed too. */
  readonly via: Link | undefined;
}

/**
 * Logs in to a target, through its jump host if it has one. Host keys are checked against known_hosts and only keys log
 * in; passwords are never asked for and the agent is never forwarded.
 * @throws BackupError `config` (key files), `untrusted` (host keys) or `failed`, with what to do next; the signal's
 * reason when aborted
 */
export async function connectSsh(target: SshTarget, options: ConnectOptions): Promise<Link> {
  options.signal.throwIfAborted();
  const key = target.keyFile === undefined ? undefined : await loadPrivateKey(target.keyFile, target.passphraseFile);
  const methods = authMethods(target, key);
  const pins = await pinsOf(target, options.log);
  const transport = await openTransport(target, options);
  const abort = () => transport.stream.destroy(new Error('interrupted'));
  options.signal.addEventListener('abort', abort, { once: true });
  try {
    const client = await verifiedLogIn(target, { ...options, key, methods, pins, stream: transport.stream });
    const link = createLink(client, transport.stream, `${target.user}@${target.address}:${target.port}`);
    options.log.debug(`logged in to ${link.label}`);
    return ownedLink(link, transport.via, options.signal);
  } catch (error) {
    transport.stream.destroy();
    await transport.via?.close();
    options.signal.throwIfAborted();
    throw error;
  } finally {
    options.signal.removeEventListener('abort', abort);
  }
}

/** Opens the way to a target's SSH port; nothing is sent yet. */
export async function openTransport(target: SshTarget, options: ConnectOptions): Promise<Transport> {
  if (target.jump === undefined) {
    // Without noDelay every request would wait for the answer to the one before (Nagle): 46 instead of 237 MB/s.
    const stream = connectTcp({ host: target.address, port: target.port, noDelay: true });
    return { stream: quiet(stream), via: undefined };
  }
  const via = await connectSsh(target.jump, { ...options, hostname: target.jump.address });
  try {
    const stream = await via.request<ClientChannel>(
      `reach ${target.address}:${target.port} from there`,
      target.connectTimeoutMs,
      (answer) => via.client.forwardOut('127.0.0.1', 0, target.address, target.port, answer),
    );
    return { stream: quiet(stream), via };
  } catch (error) {
    await via.close();
    throw forwardError(error, via.label);
  }
}

interface Attempt extends ConnectOptions {
  readonly key: PrivateKey | undefined;
  readonly methods: readonly AnyAuthMethod[];
  readonly pins: HostPins;
  readonly stream: Duplex;
}

async function verifiedLogIn(target: SshTarget, attempt: Attempt): Promise<Client> {
  const { pins } = attempt;
  const types = pins.pinned.map((pin) => pin.type);
  // A host with keys is asked for those types only; from an unknown one we want to see what it has.
  const hostKeyAlgorithms = types.length === 0 ? HOST_KEY_ALGORITHMS : algorithmsFor(types);
  if (hostKeyAlgorithms.length === 0) {
    throw new BackupError(
      'config',
      `${target.address} is known by keys of type ${types.join(', ')} only, which are not supported: pin another of its keys.`,
    );
  }
  const refusal = (offered: Buffer) => {
    const verdict = judgeHostKey(pins, offered);
    return verdict === 'trusted' ? undefined : hostKeyRefusal(verdict, pins, offered, namesOf(target, attempt));
  };
  let refused: BackupError | undefined;
  const acceptHostKey = (blob: Buffer): boolean => {
    refused = refusal(blob);
    return refused === undefined;
  };
  const common = { ...loginLimits(target), hostKeyAlgorithms };
  try {
    return await logIn(attempt.stream, { ...common, acceptHostKey, methods: attempt.methods });
  } catch (failure) {
    if (isNoSuchHostKey(failure as LoginFailure)) refused = await otherKey(target, attempt, refusal);
    throw refused ?? loginError(target, attempt.key, failure as LoginFailure);
  }
}

/** The host has no key of the pinned types: has a look, without logging in, at what it has instead. */
async function otherKey(
  target: SshTarget,
  options: ConnectOptions,
  refusal: (offered: Buffer) => BackupError | undefined,
): Promise<BackupError | undefined> {
  const { stream, via } = await openTransport(target, options);
  try {
    const offered = await offeredHostKey(stream, { ...loginLimits(target), hostKeyAlgorithms: HOST_KEY_ALGORITHMS });
    return offered === undefined ? undefined : refusal(offered);
  } catch {
    return undefined; // The first failure is the one to report.
  } finally {
    stream.destroy();
    await via?.close();
  }
}

/** Errors of a stream that ssh2 does not listen to any more must not end the program. */
function quiet(stream: Duplex): Duplex {
  return stream.on('error', () => undefined);
}

/** Time limits and user of a target as the handshake takes them. */
export function loginLimits(target: SshTarget) {
  const { user, connectTimeoutMs, keepaliveIntervalMs, keepaliveCountMax } = target;
  return { user, limitMs: connectTimeoutMs, keepaliveIntervalMs, keepaliveCountMax };
}

async function pinsOf(target: SshTarget, log: Log): Promise<HostPins> {
  const known = await readKnownHosts(target.knownHostsFiles);
  for (const { file, line, reason } of known.flatMap((each) => each.ignored)) {
    log.debug(`${file}:${line} is not used: ${reason}`);
  }
  return lookupHost(known, target.address, target.port);
}

function authMethods(target: SshTarget, key: PrivateKey | undefined): AnyAuthMethod[] {
  const { user: username } = target;
  const methods: AnyAuthMethod[] = [];
  if (key !== undefined) methods.push({ type: 'publickey', username, key: key.key });
  if (target.useAgent) {
    const agent = process.env.SSH_AUTH_SOCK;
    if (!agent) throw new BackupError('config', 'An SSH agent is to be used, but SSH_AUTH_SOCK is not set.');
    methods.push({ type: 'agent', username, agent });
  }
  if (methods.length > 0) return methods;
  throw new BackupError('config', `There is no way to log in to ${target.address}: name a key file or use an agent.`);
}

/** Closing the link closes the jump host's link too, and so does the signal. */
function ownedLink(link: Link, via: Link | undefined, signal: AbortSignal): Link {
  const abort = () => {
    link.giveUp(signal.reason as Error);
    via?.giveUp(signal.reason as Error);
  };
  signal.addEventListener('abort', abort, { once: true });
  const close = async () => {
    signal.removeEventListener('abort', abort);
    await link.close();
    await via?.close();
  };
  return { ...link, close };
}

function namesOf(target: SshTarget, options: ConnectOptions) {
  return { address: target.address, port: target.port, hostname: options.hostname ?? target.address };
}

/** Reasons of RFC 4254 §5.1: 1 = prohibited, 2 = could not connect. */
function forwardError(error: unknown, label: string): unknown {
  const reason = (error instanceof BackupError ? error.cause : undefined) as { reason?: unknown } | undefined;
  if (reason?.reason !== 1 || !(error instanceof BackupError)) return error;
  return new BackupError(
    'failed',
    `${error.message}. The jump host ${label} does not allow it: set "AllowTcpForwarding yes" there.`,
    { cause: error },
  );
}
