// SPDX-License-Identifier: AGPL-3.0-or-later
import { X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { readSecretFile } from '@local-backup/common/config/file';
import { BackupError } from '@local-backup/common/errors';
import type { Secured } from './dial.ts';
import type { TlsOptions } from './options.ts';

/** All authorities that Debian believes are some 220 KB; a key has 4. */
const LARGEST_CA = 4 * 1024 * 1024;
const LARGEST_KEY = 64 * 1024;

/**
 * What the files hold, for connections.
 * @throws BackupError `config` where one cannot be used, or others could change it; nothing of the key is in it
 */
export async function secureWith({ ca_file, cert_file, key_file, server_name }: TlsOptions): Promise<Secured> {
  const ca = await readCertificates(ca_file);
  if (cert_file === undefined || key_file === undefined) {
    return { context: createSecureContext({ ca }), serverName: server_name, caFile: ca_file };
  }
  const cert = await readCertificates(cert_file);
  const key = await readSecretFile(key_file, LARGEST_KEY);
  try {
    return { context: createSecureContext({ ca, cert, key }), serverName: server_name, caFile: ca_file };
  } catch (error) {
    throw new BackupError('config', `${key_file} ${keyTrouble(error, cert_file)}`);
  }
}

function keyTrouble(error: unknown, certFile: string): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  if (/KEY_VALUES_MISMATCH|KEY_TYPE_MISMATCH/.test(code)) return `is not the key of ${certFile}.`;
  if (/PASS|DECRYPT|INTERRUPTED|CANCELLED/.test(code)) {
    return 'is closed by a passphrase. Nobody is there to type it: store the key without one (openssl pkey), mode 0600.';
  }
  return `holds no private key that can be used (PEM)${code === '' ? '' : `: ${code}`}.`;
}

/**
 * A file that says whom to believe: everybody may read it, only root (or the user that this program runs as) write to it.
 */
async function readCertificates(file: string): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause) => {
    const hint = 'Correct `tls`. What Debian believes comes with the package ca-certificates.';
    throw new BackupError('config', `Cannot open ${file}, a file of \`tls\`: ${String(cause)}. ${hint}`, { cause });
  });
  try {
    const { uid, mode, size } = await handle.stat();
    const complaint = trustComplaint(uid, mode);
    if (complaint !== undefined) throw new BackupError('config', `${file} ${complaint}`);
    if (!isRegular(mode) || size > LARGEST_CA) {
      throw new BackupError('config', `${file} is no file of certificates: it is too large, or no regular file.`);
    }
    const text = await handle.readFile('utf8');
    requireCertificate(text, file);
    return text;
  } finally {
    await handle.close();
  }
}

function isRegular(mode: number): boolean {
  return (mode & constants.S_IFMT) === constants.S_IFREG;
}

function trustComplaint(uid: number, mode: number): string | undefined {
  if (uid !== 0 && uid !== process.geteuid?.()) return `belongs to user ${uid}, who could change it, not to root.`;
  return (mode & 0o022) === 0 ? undefined : 'can be written to by others than its owner. Run chmod go-w on it.';
}

/** OpenSSL takes a file without certificates for an empty list. */
function requireCertificate(text: string, file: string): void {
  try {
    new X509Certificate(text);
  } catch (cause) {
    throw new BackupError('config', `${file} holds no certificate that can be read (PEM).`, { cause });
  }
}
