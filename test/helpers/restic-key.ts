// SPDX-License-Identifier: AGPL-3.0-or-later
import { createCipheriv, createHash, randomBytes, scryptSync } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What all of a repository is encrypted with; its key files hold it, each under a password. */
export interface MasterKey {
  readonly mac: { readonly k: string; readonly r: string };
  readonly encrypt: string;
}

interface Cost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** A key file as restic writes it. */
interface KeyFile extends Cost {
  readonly salt: string;
  readonly data: string;
}

/**
 * The work that restic makes of a password, half a second and more for each command: next to nothing here, because tests
 * call it some thousand times.
 */
const CHEAP: Cost = { N: 2, r: 1, p: 1 };

/** What restic may take for a password, in bytes; its own default is 60 MB. */
const MOST_MEMORY = 512 * 1024 ** 2;

/** Bytes before and after what {@link seal} has encrypted. */
const IV = 16;
const MAC = 16;

/** Replaces the one key file of a repository that restic has made by one that is opened in a moment by the same password. */
export function makeKeyCheap(repository: string, password: string): void {
  const keys = join(repository, 'keys');
  const [name = '', ...others] = readdirSync(keys);
  if (others.length > 0) throw new Error(`there is more than one key in ${keys}`);
  const file = JSON.parse(readFileSync(join(keys, name), 'utf8')) as KeyFile;
  const sealed = Buffer.from(file.data, 'base64');
  const own = derive(password, Buffer.from(file.salt, 'base64'), file);
  const plain = cipher(own, sealed.subarray(0, IV)).update(sealed.subarray(IV, sealed.length - MAC));
  writeCheapKey(repository, password, JSON.parse(plain.toString()) as MasterKey);
  rmSync(join(keys, name));
}

/** Writes a key file for a password. */
export function writeCheapKey(repository: string, password: string, master: MasterKey): void {
  const salt = randomBytes(64);
  const data = seal(Buffer.from(JSON.stringify(master)), derive(password, salt, CHEAP)).toString('base64');
  const about = { created: '2026-01-01T00:00:00Z', username: 'root', hostname: 'test', kdf: 'scrypt' };
  const file = JSON.stringify({ ...about, ...CHEAP, salt: salt.toString('base64'), data });
  const name = createHash('sha256').update(file).digest('hex');
  writeFileSync(join(repository, 'keys', name), file, { mode: 0o400 });
}

function derive(password: string, salt: Buffer, { N, r, p }: Cost): MasterKey {
  const derived = scryptSync(password, salt, 64, { N, r, p, maxmem: MOST_MEMORY });
  const part = (from: number, to: number) => derived.subarray(from, to).toString('base64');
  return { encrypt: part(0, 32), mac: { k: part(32, 48), r: part(48, 64) } };
}

function cipher({ encrypt }: MasterKey, iv: Buffer) {
  return createCipheriv('aes-256-ctr', Buffer.from(encrypt, 'base64'), iv);
}

/** AES-256 in counter mode and Poly1305-AES, as in restic's "Design", chapter "Keys, Encryption and MAC". */
export function seal(content: Buffer, key: MasterKey): Buffer {
  const { mac } = key;
  const iv = randomBytes(IV);
  const sealed = cipher(key, iv).update(content);
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
