// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { writeFileAtomic } from '@local-backup/common/atomic-file';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';

/** Where sshd reads the keys of the account that the server fetches with: debian/sshd/backup-client.conf. */
export const SERVER_KEYS_FILE = '/etc/ssh/backup-client.keys';

const KEYGEN_TIMEOUT_MS = 10_000;

/** A longer file is none of ours, in bytes. */
const LONGEST_FILE = 1024 * 1024;

/** A public key as ssh-keygen writes it: type, base64, comment. */
const PUBLIC_KEY =
  /^((?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)) ([A-Za-z0-9+/]+={0,2})(?: (\P{Cc}*))?$/u;

export interface ServerKey {
  readonly type: string;
  readonly blob: string;
  readonly comment: string;
}

/** @throws BackupError `usage` where it is no public key in one line, or has options before it */
export function parsePublicKey(text: string): ServerKey {
  const [, type, blob, comment = ''] = PUBLIC_KEY.exec(text.trim()) ?? [];
  if (type !== undefined && blob !== undefined) return { type, blob, comment: comment.trim() };
  const isPrivate = text.includes('PRIVATE KEY');
  const why = isPrivate ? 'it is a PRIVATE key, which never leaves the server' : 'it is no public key in one line';
  throw new BackupError(
    'usage',
    `--server-key: ${why}. Give what is in the .pub file of the server: 'ssh-ed25519 AAAA... backup-server'`,
  );
}

/** The line for the file. Pure. @throws BackupError `usage` for an address that is none */
export function keyLine({ type, blob, comment }: ServerKey, addresses: readonly string[]): string {
  for (const address of addresses) {
    if (isAddress(address)) continue;
    const shown = showControls(address);
    throw new BackupError(
      'usage',
      `--server-address: "${shown}" is no IP address and no network such as 192.0.2.0/24.`,
    );
  }
  const from = addresses.length === 0 ? '' : `,from="${addresses.join(',')}"`;
  return `restrict${from} ${type} ${blob}${comment === '' ? '' : ` ${comment}`}`;
}

/** sshd compares host names only with `UseDNS yes`, which nobody has. */
function isAddress(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || address.includes('%') || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** How the file was found and is now. */
export type KeyChange = 'added' | 'there already' | 'there with other options';

/**
 * Adds the server's key to the file that sshd reads, which is made where it is missing. What is in it stays.
 * @throws BackupError `usage` where ssh-keygen does not take it for a key, `config` where the file is not what it should be
 */
export async function addServerKey(
  file: string,
  { key, line }: { readonly key: ServerKey; readonly line: string },
  { exec, isDryRun }: { readonly exec: Run; readonly isDryRun: boolean },
): Promise<KeyChange> {
  const stdin = `${key.type} ${key.blob}\n`;
  await exec('ssh-keygen', ['-l', '-f', '-'], { stdin, timeoutMs: KEYGEN_TIMEOUT_MS }).catch((cause: unknown) => {
    throw new BackupError('usage', `--server-key is no public key: ${String((cause as Error).message)}`, { cause });
  });
  const text = await readKeys(file);
  const same = text
    .split('\n')
    .find((each) => !each.trimStart().startsWith('#') && each.split(/\s+/).includes(key.blob));
  if (same !== undefined) {
    return optionsOf(same, key) === optionsOf(line, key) ? 'there already' : 'there with other options';
  }
  if (isDryRun) return 'added';
  const before = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  await writeFileAtomic(file, `${before}${line}\n`, { mode: 0o644, uid: process.geteuid?.() ?? 0 });
  return 'added';
}

function optionsOf(line: string, { type }: ServerKey): string {
  return line.slice(0, line.indexOf(type)).trim();
}

/** The file; empty where there is none. A link is refused: it would be replaced by a file. */
async function readKeys(file: string): Promise<string> {
  const stats = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new BackupError('failed', `Cannot look at ${file}: ${error.message}`, { cause: error });
  });
  if (stats === undefined) return '';
  if (!stats.isFile()) throw new BackupError('config', `${file} is no regular file. Look at it, and move it away.`);
  if (stats.size > LONGEST_FILE) throw new BackupError('config', `${file} has ${stats.size} bytes: it holds no keys.`);
  return readFile(file, 'utf8');
}
