// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHmac } from 'node:crypto';

/** A public host key: its type and the bytes that SSH exchanges. */
export interface HostKey {
  readonly type: string;
  readonly blob: Buffer;
}

/** One usable line of a known_hosts file. */
interface Entry {
  /** Comma-separated patterns, or one hashed name. */
  readonly names: string;
  readonly revoked: boolean;
  readonly key: HostKey;
}

/** A line that pins nothing, and why. Nobody should believe that it does. */
export interface IgnoredLine {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
}

export interface KnownHosts {
  readonly entries: readonly Entry[];
  readonly ignored: readonly IgnoredLine[];
}

/** What the known_hosts files say about one host. A revoked key is refused even when it is pinned too. */
export interface HostPins {
  readonly pinned: readonly HostKey[];
  readonly revoked: readonly HostKey[];
}

const DEFAULT_PORT = 22;

/** Reads the text of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
export function parseKnownHosts(text: string, file: string): KnownHosts {
  const entries: Entry[] = [];
  const ignored: IgnoredLine[] = [];
  text.split('\n').forEach((line, index) => {
    const fields = line.trim().split(/[ \t]+/);
    if (fields[0] === '' || fields[0]?.startsWith('#')) return;
    const entry = parseLine(fields);
    if (typeof entry === 'string') ignored.push({ file, line: index + 1, reason: entry });
    else entries.push(entry);
  });
  return { entries, ignored };
}

/**
 * What is known about a host. Names are compared as OpenSSH does: in lower case, `[host]:port` unless the port is 22, and
 * where nothing is pinned for the port, what is pinned for the bare name counts.
 */
export function lookupHost(known: readonly KnownHosts[], address: string, port: number): HostPins {
  const bare = address.toLowerCase();
  const withPort = knownHostName(address, port);
  const entries = known.flatMap((file) => file.entries);
  const keys = (revoked: boolean, ...names: string[]) =>
    entries
      .filter((entry) => entry.revoked === revoked && names.some((name) => namesMatch(entry.names, name)))
      .map((entry) => entry.key);
  const forPort = keys(false, withPort);
  return {
    pinned: forPort.length > 0 ? forPort : keys(false, bare),
    revoked: keys(true, withPort, bare),
  };
}

/** How known_hosts names a host: `web1`, or `[web1]:2222` when the port is not 22. */
export function knownHostName(address: string, port: number): string {
  const name = address.toLowerCase();
  return port === DEFAULT_PORT ? name : `[${name}]:${port}`;
}

/** A line that pins a key for a host, with its line feed. */
export function formatKnownHost(address: string, port: number, key: HostKey): string {
  return `${knownHostName(address, port)} ${key.type} ${key.blob.toString('base64')}\n`;
}

/** The type that the bytes of a public key name themselves; undefined when they are no key. */
export function keyTypeOf(blob: Buffer): string | undefined {
  if (blob.length < 4) return undefined;
  const length = blob.readUInt32BE(0);
  if (length === 0 || length > 64 || blob.length < 4 + length) return undefined;
  return blob.toString('latin1', 4, 4 + length);
}

function parseLine(fields: readonly string[]): Entry | string {
  const marker = fields[0]?.startsWith('@') ? fields[0] : undefined;
  if (marker === '@cert-authority') return 'host certificates are not supported: pin the host key itself';
  if (marker !== undefined && marker !== '@revoked') return `unknown marker ${marker}`;
  const [names, type, encoded] = marker === undefined ? fields : fields.slice(1);
  if (names === undefined || type === undefined || encoded === undefined) return 'fewer than three fields';
  if (/^\d+$/.test(type)) return 'a key of SSH protocol 1, which nobody speaks any more';
  if (names.startsWith('|') && parseHashedName(names) === undefined) return 'a hashed name that is not |1|salt|hash';
  const blob = Buffer.from(encoded, 'base64');
  if (keyTypeOf(blob) !== type) return `the key is damaged or not of type ${type}`;
  return { names, revoked: marker === '@revoked', key: { type, blob } };
}

function namesMatch(names: string, name: string): boolean {
  if (names.startsWith('|')) return hashMatches(names, name);
  let matched = false;
  for (const pattern of names.split(',')) {
    const negated = pattern.startsWith('!');
    if (!patternMatches(negated ? pattern.slice(1) : pattern, name)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

/** `*` stands for any characters, `?` for one; brackets are themselves. */
function patternMatches(pattern: string, name: string): boolean {
  const source = pattern
    .toLowerCase()
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`).test(name);
}

function hashMatches(hashed: string, name: string): boolean {
  const parts = parseHashedName(hashed);
  return parts !== undefined && createHmac('sha1', parts.salt).update(name).digest().equals(parts.hash);
}

/** `|1|salt|hash`, where hash is the HMAC-SHA1 of the name: ssh_config(5), HashKnownHosts. */
function parseHashedName(hashed: string): { salt: Buffer; hash: Buffer } | undefined {
  const [empty, version, salt, hash, ...rest] = hashed.split('|');
  if (empty !== '' || version !== '1' || !salt || !hash || rest.length > 0) return undefined;
  return { salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') };
}
