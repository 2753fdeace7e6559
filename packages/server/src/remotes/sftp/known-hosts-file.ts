// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { formatKnownHost, type HostKey, type KnownHosts, parseKnownHosts } from './known-hosts.ts';

const WRITABLE_BY_ALL = 0o002;

/**
 * Reads known_hosts files. One that does not exist pins nothing, which is safe: unknown keys are refused.
 * @throws BackupError `config` when a file cannot be read or can be written to by everybody.
 */
export async function readKnownHosts(files: readonly string[]): Promise<readonly KnownHosts[]> {
  return Promise.all(files.map(readOne));
}

/**
 * Pins keys for a host at the end of a known_hosts file, which is created (0600) when missing. The caller has shown the
 * fingerprints to a person and made sure that the keys are not there yet.
 */
export async function appendHostKeys(
  file: string,
  host: { readonly address: string; readonly port: number },
  keys: readonly HostKey[],
): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'a+', 0o600);
  try {
    const { size } = await handle.stat();
    const last = Buffer.alloc(1);
    if (size > 0) await handle.read(last, 0, 1, size - 1);
    const separator = size > 0 && last.toString() !== '\n' ? '\n' : '';
    const lines = keys.map((key) => formatKnownHost(host.address, host.port, key));
    await handle.appendFile(separator + lines.join(''));
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readOne(file: string): Promise<KnownHosts> {
  try {
    const { mode } = await stat(file);
    if ((mode & WRITABLE_BY_ALL) !== 0) {
      throw new BackupError(
        'config',
        `Everybody may write to ${file}, so its host keys prove nothing: chmod o-w ${file}`,
      );
    }
    return parseKnownHosts(await readFile(file, 'utf8'), file);
  } catch (cause) {
    if (cause instanceof BackupError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return { entries: [], ignored: [] };
    throw new BackupError('config', `Cannot read the host keys in ${file}: ${(cause as Error).message}`, { cause });
  }
}
