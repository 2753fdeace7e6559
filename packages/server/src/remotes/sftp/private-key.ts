// SPDX-License-Identifier: AGPL-3.0-or-later
import { readSecretFile } from '@local-backup/common/config/file';
import { BackupError } from '@local-backup/common/errors';
import ssh2, { type ParsedKey } from 'ssh2';
import { fingerprint } from './host-key.ts';

/** An RSA key of 16,384 bits takes 12 KiB. */
const KEY_MAX_BYTES = 64 * 1024;

/** A private key in memory, and what may be shown of it. */
export interface PrivateKey {
  readonly key: ParsedKey;
  readonly file: string;
  readonly fingerprint: string;
  /** As in authorized_keys: `ssh-ed25519 AAAA...`. */
  readonly publicLine: string;
}

/** @throws BackupError `config` that tells what is wrong with the key or its passphrase and how to mend it */
export async function loadPrivateKey(file: string, passphraseFile: string | undefined): Promise<PrivateKey> {
  const text = await readSecretFile(file, KEY_MAX_BYTES);
  const passphrase = passphraseFile === undefined ? undefined : await readSecretFile(passphraseFile);
  const parsed: ParsedKey | ParsedKey[] | Error = ssh2.utils.parseKey(text, passphrase);
  if (parsed instanceof Error) throw keyError(file, passphraseFile, text, parsed);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || !key.isPrivateKey()) {
    throw new BackupError(
      'config',
      `${file} holds a public SSH key; the private one is needed, mostly the name without .pub.`,
    );
  }
  const blob = key.getPublicSSH();
  return { key, file, fingerprint: fingerprint(blob), publicLine: `${key.type} ${blob.toString('base64')}` };
}

function keyError(file: string, passphraseFile: string | undefined, text: string, cause: Error): BackupError {
  const error = (why: string) => new BackupError('config', `Cannot use the SSH key ${file}: ${why}`, { cause });
  if (/no passphrase given/i.test(cause.message)) {
    return error('it is encrypted. Name a file with its passphrase, load it into an agent, or use a key without one.');
  }
  if (/passphrase/i.test(cause.message)) return error(`the passphrase in ${passphraseFile} is not the right one.`);
  const header = /^-----BEGIN ([A-Z0-9 ]+)-----/.exec(text.trimStart())?.[1];
  if (header === 'PRIVATE KEY' || header === 'ENCRYPTED PRIVATE KEY') {
    return error(`its format is PKCS#8. Convert it to OpenSSH's own with: ssh-keygen -p -f ${file}`);
  }
  if (header === undefined) return error('it is no private key. Make one with: ssh-keygen -t ed25519 -f FILE');
  return error(`${cause.message}. Supported are ed25519, rsa and ecdsa keys in OpenSSH or PEM format.`);
}
