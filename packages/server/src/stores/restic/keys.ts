// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import { withoutCredentials } from '../../config/repository-location.ts';
import type { RepositoryKey, RepositoryKeys } from '../keys.ts';
import type { ResticStoreOptions, ResticStoreParts } from './index.ts';
import { checkPassword } from './password.ts';
import { createRestic, type Restic } from './restic.ts';

/** Who made the key, for the list of keys. */
const USER = 'backup-server';

/** `restic key list --json`; version 0.14 shortens the ids. */
const listSchema = z.array(
  z.object({
    id: z.string().regex(/^[0-9a-f]{8,64}$/),
    current: z.boolean(),
    userName: z.string().default(''),
    hostName: z.string().default(''),
    created: z.string().default(''),
  }),
);

/** The keys of the repository of one host. */
export function createResticKeys(
  options: Omit<ResticStoreOptions, 'backupOptions' | 'pinFile'>,
  { run, log }: Omit<ResticStoreParts, 'now'>,
): RepositoryKeys {
  const open = (file?: string) => {
    return createRestic(file === undefined ? options : { ...options, password: { file } }, { run, log });
  };
  const restic = open();
  const timeoutMs = options.timeouts.queryMs;
  const list = (signal: AbortSignal) => listWith(restic, timeoutMs, signal);
  const repository = withoutCredentials(options.repository);
  return {
    list,
    async add(passwordFile, signal) {
      await checkPassword({ file: passwordFile });
      const known = await findKey(open(passwordFile), timeoutMs, signal);
      if (known !== undefined) return { created: false, key: known };
      const args = ['key', 'add', '--new-password-file', passwordFile, '--user', USER];
      await restic.call(args, { signal, timeoutMs, locks: true });
      const key = await findKey(open(passwordFile), timeoutMs, signal);
      if (key !== undefined) return { created: true, key };
      throw new BackupError(
        'failed',
        `restic key add reported success, but the password in ${passwordFile} does not open ${repository}. Go on with ` +
          'the old password; was the file changed just now?',
      );
    },
    async remove(id, signal) {
      if (!/^[0-9a-f]{8,64}$/.test(id)) {
        throw new BackupError('usage', `"${showControls(id)}" is no id of a key: at least its first 8 characters.`);
      }
      const key = requireRemovable(await list(signal), id, repository);
      await restic.call(['key', 'remove', key.id], { signal, timeoutMs, locks: true });
      const left = await list(signal);
      if (!left.some((other) => other.id === key.id)) return key;
      throw new BackupError(
        'failed',
        `restic key remove reported success, but key ${key.id} of ${repository} is there.`,
      );
    },
  };
}

/** The key that the password opens; undefined where it opens none. */
async function findKey(restic: Restic, timeoutMs: number, signal: AbortSignal): Promise<RepositoryKey | undefined> {
  const asked = { signal, timeoutMs, tolerate: ['wrong-password'] } as const;
  const { failure, stdout } = await restic.call(LIST_ARGS, asked);
  return failure === undefined ? parseKeys(stdout, restic).find(({ current }) => current) : undefined;
}

async function listWith(restic: Restic, timeoutMs: number, signal: AbortSignal): Promise<readonly RepositoryKey[]> {
  const { stdout } = await restic.call(LIST_ARGS, { signal, timeoutMs });
  return parseKeys(stdout, restic);
}

const LIST_ARGS: readonly string[] = ['key', 'list', '--json', '--no-lock'];

function parseKeys(stdout: string, { settings }: Restic): readonly RepositoryKey[] {
  const parsed = listSchema.safeParse(jsonIn(stdout));
  if (!parsed.success) {
    const where = withoutCredentials(settings.repository);
    throw new BackupError('failed', `restic key list gives no list that can be read, from ${where}.`);
  }
  return parsed.data
    .map(({ id, current, userName, hostName, created }) => ({ id, current, user: userName, host: hostName, created }))
    .sort((a, b) => Number(b.current) - Number(a.current) || (a.created < b.created ? -1 : 1));
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @throws BackupError `usage` */
function requireRemovable(keys: readonly RepositoryKey[], wanted: string, repository: string): RepositoryKey {
  const ids = keys.map(({ id, current }) => `${id.slice(0, 8)}${current ? ' (in use)' : ''}`).join(', ');
  const refuse = (why: string): never => {
    throw new BackupError('usage', `${why} Keys of ${repository}: ${ids}. Nothing was removed.`);
  };
  const found = keys.filter(({ id }) => id.startsWith(wanted) || wanted.startsWith(id));
  const [key] = found;
  if (key === undefined) return refuse(`No key has the id "${wanted}".`);
  if (found.length > 1) return refuse(`"${wanted}" is the beginning of several ids.`);
  // The last key is always the one in use, so it is never removed either.
  if (key.current) {
    return refuse(`Key ${wanted} is the one that the configured password opens. First configure the other password.`);
  }
  return key;
}
