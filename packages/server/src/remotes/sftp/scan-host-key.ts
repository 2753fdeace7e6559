// SPDX-License-Identifier: AGPL-3.0-or-later
import type { SshTarget } from '../../config/host.ts';
import { type ConnectOptions, loginLimits, openTransport } from './connect.ts';
import { type LoginFailure, offeredHostKey } from './handshake.ts';
import { algorithmsFor } from './host-key.ts';
import { type HostKey, keyTypeOf } from './known-hosts.ts';
import { loginError } from './login-error.ts';

/** One connection per group; a server shows one key per connection. */
const GROUPS = [['ssh-ed25519'], ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'], ['ssh-rsa']];

/**
 * The host keys that a server shows, one of each kind it has (ed25519, ecdsa, rsa). Nothing is proven by this: show the
 * fingerprints to a person before pinning them. Nobody logs in, but a jump host on the way is logged in to, strictly.
 * @throws BackupError when the server cannot be reached
 */
export async function scanHostKeys(target: SshTarget, options: ConnectOptions): Promise<HostKey[]> {
  const keys: HostKey[] = [];
  for (const types of GROUPS) {
    const blob = await scanOne(target, options, algorithmsFor(types));
    const type = blob && keyTypeOf(blob);
    if (blob && type) keys.push({ type, blob });
  }
  return keys;
}

async function scanOne(
  target: SshTarget,
  options: ConnectOptions,
  hostKeyAlgorithms: string[],
): Promise<Buffer | undefined> {
  options.signal.throwIfAborted();
  const { stream, via } = await openTransport(target, options);
  const abort = () => stream.destroy(new Error('interrupted'));
  options.signal.addEventListener('abort', abort, { once: true });
  try {
    return await offeredHostKey(stream, { ...loginLimits(target), hostKeyAlgorithms });
  } catch (failure) {
    options.signal.throwIfAborted();
    throw loginError(target, undefined, failure as LoginFailure);
  } finally {
    options.signal.removeEventListener('abort', abort);
    stream.destroy();
    await via?.close();
  }
}
