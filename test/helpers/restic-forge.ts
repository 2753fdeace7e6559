// SPDX-License-Identifier: AGPL-3.0-or-later
import { createCipheriv, createHash, randomBytes, scryptSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ResticLab } from './restic-lab.ts';

/** What restic would take minutes to make, or never makes: written into a repository as restic writes it. */
export interface ResticForge {
  /** A snapshot of an empty directory. Returns its id. */
  readonly snapshot: (facts: ForgedSnapshot) => string;
  /** A lock, by whoever and whenever. Returns its id. */
  readonly lock: (facts: ForgedLock) => string;
  /** The same for a copy of the repository. */
  readonly at: (repository: string) => ResticForge;
}

export interface ForgedSnapshot {
  /** ISO. */
  readonly time: string;
  readonly hostname: string;
  readonly tags?: readonly string[];
  readonly paths?: readonly string[];
}

export interface ForgedLock {
  readonly time: string;
  readonly hostname: string;
  readonly pid: number;
  readonly exclusive: boolean;
}

interface MasterKey {
  readonly mac: { readonly k: string; readonly r: string };
  readonly encrypt: string;
}

/**
 * Makes the repository of a host. It is opened in a moment: the work that restic makes of a password, half a second for
 * each command, is left out of its key.
 */
export async function forgeRepository(lab: ResticLab, host: string): Promise<ResticForge> {
  const store = lab.store(host);
  const repository = lab.repositoryOf(host);
  const bytes = (length: number) => randomBytes(length).toString('base64');
  const key: MasterKey = { encrypt: bytes(32), mac: { k: bytes(16), r: bytes(16) } };
  for (const name of ['keys', 'locks', 'snapshots', 'index', 'data']) {
    mkdirSync(join(repository, name), { recursive: true, mode: 0o700 });
  }
  for (let byte = 0; byte < 256; byte += 1) {
    mkdirSync(join(repository, 'data', byte.toString(16).padStart(2, '0')), { mode: 0o700 });
  }
  // The polynomial must be an irreducible one: that of a repository which restic has made.
  const config = { version: 2, id: randomBytes(32).toString('hex'), chunker_polynomial: '385322669d76a9' };
  writeFileSync(join(repository, 'config'), seal(Buffer.from(JSON.stringify(config)), key), { mode: 0o400 });
  writeKey(lab, host, key);
  await store.init(new AbortController().signal);
  return forgeAt(repository, { key, tree: emptyTree(lab, host) });
}

/** The id of an empty directory, stored in the repository. */
function emptyTree(lab: ResticLab, host: string): string {
  const empty = mkdtempSync(join(lab.directory, 'empty-'));
  lab.restic(host, 'backup', '--host', 'forge', '--quiet', empty);
  rmSync(empty, { recursive: true });
  const [made] = JSON.parse(lab.restic(host, 'snapshots', '--json', '--host', 'forge')) as {
    id: string;
    tree: string;
  }[];
  if (made === undefined) throw new Error('restic has made no snapshot to copy from');
  lab.restic(host, 'forget', made.id);
  return made.tree;
}

function forgeAt(repository: string, known: { readonly key: MasterKey; readonly tree: string }): ResticForge {
  const write = (directory: string, content: object): string => {
    const file = seal(Buffer.from(JSON.stringify(content)), known.key);
    const id = createHash('sha256').update(file).digest('hex');
    writeFileSync(join(repository, directory, id), file, { mode: 0o400 });
    return id;
  };
  return {
    snapshot: ({ tags = [], paths = ['/'], ...facts }) => {
      const tagged = tags.length > 0 ? { tags } : {};
      return write('snapshots', { ...facts, tree: known.tree, paths, username: 'root', ...tagged });
    },
    lock: (facts) => write('locks', { ...facts, username: 'root' }),
    at: (copy) => forgeAt(copy, known),
  };
}

function writeKey(lab: ResticLab, host: string, master: MasterKey): void {
  const password = readFileSync(lab.passwordOf(host), 'utf8').trim();
  const salt = randomBytes(64);
  const cost = { N: 2, r: 1, p: 1 };
  const derived = scryptSync(password, salt, 64, cost);
  const part = (from: number, to: number) => derived.subarray(from, to).toString('base64');
  const own: MasterKey = { encrypt: part(0, 32), mac: { k: part(32, 48), r: part(48, 64) } };
  const data = seal(Buffer.from(JSON.stringify(master)), own).toString('base64');
  const about = { created: '2026-01-01T00:00:00Z', username: 'root', hostname: 'forge', kdf: 'scrypt' };
  const file = JSON.stringify({ ...about, ...cost, salt: salt.toString('base64'), data });
  const name = createHash('sha256').update(file).digest('hex');
  writeFileSync(join(lab.repositoryOf(host), 'keys', name), file, { mode: 0o400 });
}

/** AES-256 in counter mode and Poly1305-AES, as in restic's "Design", chapter "Keys, Encryption and MAC". */
function seal(content: Buffer, { mac, encrypt }: MasterKey): Buffer {
  const iv = randomBytes(16);
  const sealed = createCipheriv('aes-256-ctr', Buffer.from(encrypt, 'base64'), iv).update(content);
  const mask = createCipheriv('aes-128-ecb', Buffer.from(mac.k, 'base64'), null).setAutoPadding(false).update(iv);
  return Buffer.concat([iv, sealed, poly1305(sealed, Buffer.from(mac.r, 'base64'), mask)]);
}

function poly1305(message: Buffer, r: Buffer, mask: Buffer): Buffer {
  const prime = (1n << 130n) - 5n;
  const factor = littleEndian(r) & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  let sum = 0n;
  for (let index = 0; index < message.length; index += 16) {
    const block = message.subarray(index, index + 16);
    sum = ((sum + littleEndian(block) + (1n << BigInt(block.length * 8))) * factor) % prime;
  }
  const tag = (sum + littleEndian(mask)) & ((1n << 128n) - 1n);
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse();
}

function littleEndian(bytes: Buffer): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex') || '0'}`);
}
