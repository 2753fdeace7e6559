// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash, timingSafeEqual } from 'node:crypto';
import { BackupError } from '@local-backup/common/errors';
import { type HostKey, type HostPins, keyTypeOf, knownHostName } from './known-hosts.ts';

export type HostKeyVerdict = 'trusted' | 'unknown' | 'changed' | 'revoked';

/** Signature algorithms by key type, best first; SHA-1 (`ssh-rsa`) and DSA are left out. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** Every algorithm that a host key may use here, best first. */
export const HOST_KEY_ALGORITHMS: readonly string[] = Object.values(ALGORITHMS).flat();

/** The algorithms for keys of these types, best first. Types that are not supported add nothing. */
export function algorithmsFor(types: readonly string[]): string[] {
  return Object.entries(ALGORITHMS).flatMap(([type, names]) => (types.includes(type) ? names : []));
}

/** As `ssh-keygen -l` shows it: `SHA256:` and base64 without padding. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** Decides about a key that a host has shown. Synchronous and a plain value on purpose: ssh2 takes a promise for a yes. */
export function judgeHostKey(pins: HostPins, offered: Buffer): HostKeyVerdict {
  const among = (keys: readonly HostKey[]) => keys.some((key) => sameBytes(key.blob, offered));
  if (among(pins.revoked)) return 'revoked';
  if (among(pins.pinned)) return 'trusted';
  return pins.pinned.length === 0 ? 'unknown' : 'changed';
}

/** What to tell the operator about a host key that was refused. */
export function hostKeyRefusal(
  verdict: Exclude<HostKeyVerdict, 'trusted'>,
  pins: HostPins,
  offered: Buffer,
  host: { readonly address: string; readonly port: number; readonly hostname: string },
): BackupError {
  const name = knownHostName(host.address, host.port);
  const shown = describeKey({ type: keyTypeOf(offered) ?? 'unknown', blob: offered });
  if (verdict === 'revoked') {
    return new BackupError(
      'untrusted',
      `${name} identifies itself with a revoked host key, ${shown}. Somebody may be posing as this host with a stolen key: ` +
        'do not continue unless the host has been given a new key.',
    );
  }
  if (verdict === 'changed') {
    return new BackupError(
      'untrusted',
      `The host key of ${name} has changed: it now offers ${shown}, known is ${pins.pinned.map(describeKey).join(' and ')}. ` +
        'Do not continue unless you know that the host was installed anew or its keys were replaced; then take the old lines ' +
        `out with "ssh-keygen -R '${name}' -f KNOWN_HOSTS_FILE" and record the new key with: backup-server init ${host.hostname}`,
    );
  }
  return new BackupError(
    'untrusted',
    `The host key of ${name} is not known: it offers ${shown}. Compare this with what the host itself says ` +
      '("ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub" on its console) and record it with: ' +
      `backup-server init ${host.hostname}`,
  );
}

function describeKey(key: HostKey): string {
  return `${key.type} ${fingerprint(key.blob)}`;
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
