// SPDX-License-Identifier: AGPL-3.0-or-later
import { webcrypto } from 'node:crypto';
import { BackupError } from '@local-backup/common/errors';

/** The file format of age (age-encryption.org/v1), which Debian's program `age` opens. */

/** Who can open a file: whoever knows the passphrase, or whoever has the secret key to one of the recipients. */
export type SealKey = { readonly passphrase: string } | { readonly recipients: readonly string[] };

/** What a file is opened with: its passphrase, or secret keys as `age-keygen` writes them. */
export type OpenKey = { readonly passphrase: string } | { readonly identities: readonly string[] };

/** X25519 only: the age of Debian 12 knows no other kind. */
const RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/;
const IDENTITY = /^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$/;

/** @throws BackupError `usage` where a recipient is not one that Debian's age knows */
export async function seal(content: Uint8Array, key: SealKey): Promise<Uint8Array> {
  const { Encrypter } = await loadAge();
  const encrypter = new Encrypter();
  if ('passphrase' in key) encrypter.setPassphrase(key.passphrase);
  else for (const recipient of key.recipients) addRecipient(encrypter, recipient);
  return encrypter.encrypt(content);
}

/**
 * @param name of the file, for messages
 * @throws BackupError `failed` where the key does not open it, or it is damaged
 */
export async function unseal(content: Uint8Array, key: OpenKey, name: string): Promise<Uint8Array> {
  const { Decrypter } = await loadAge();
  const decrypter = new Decrypter();
  if ('passphrase' in key) decrypter.addPassphrase(key.passphrase);
  else for (const identity of key.identities) decrypter.addIdentity(identity);
  try {
    return await decrypter.decrypt(content);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const advice = 'Is it the right passphrase or key, and is the file whole?';
    throw new BackupError('failed', `${name} cannot be opened: ${reason}. ${advice}`, { cause });
  }
}

/** The secret keys in a file as `age-keygen` writes it. @throws BackupError `config` where there is none */
export function identitiesIn(text: string, file: string): readonly string[] {
  const found = text.split(/\s+/).filter((word) => IDENTITY.test(word));
  if (found.length > 0) return found;
  throw new BackupError('config', `${file} holds no secret key of age, which begins with AGE-SECRET-KEY-1.`);
}

function addRecipient(encrypter: { addRecipient(recipient: string): void }, recipient: string): void {
  const wrong = `"${recipient}" is no recipient of age. One is made with "age-keygen -o KEYFILE" and begins with age1.`;
  if (!RECIPIENT.test(recipient)) throw new BackupError('usage', wrong);
  try {
    encrypter.addRecipient(recipient);
  } catch (cause) {
    throw new BackupError('usage', wrong, { cause });
  }
}

/** Node 18 has the Web Crypto API, but not under its global name. Loaded when it is needed: hardly ever. */
async function loadAge() {
  if (!('crypto' in globalThis)) Object.defineProperty(globalThis, 'crypto', { value: webcrypto, configurable: true });
  return import('age-encryption');
}
