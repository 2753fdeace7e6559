// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import { withoutCredentials } from '../../config/repository-location.ts';
import { refusedBackupOptions, wantsMaxCompression } from '../../config/restic-options.ts';
import type { Snapshot, Store } from '../store.ts';
import { CONFIG_ARGS, snapshotsArgs } from './args.ts';
import { init } from './init.ts';
import { parseRepositoryId, parseSnapshots } from './messages.ts';
import { readPin, requirePinned } from './pin.ts';
import { createRestic, type Restic, type ResticSettings } from './restic.ts';
import { save } from './save.ts';
import { has, type ResticVersion } from './version.ts';

export interface ResticStoreOptions extends ResticSettings {
  /** Further words for `restic backup`. */
  readonly backupOptions: readonly string[];
  /** File in the state directory that remembers the repository's id; written by `init` only. */
  readonly pinFile: string;
  /** Opens the first repository of the host beside this one, which is a copy of it; missing: this is the first one. */
  readonly beside?: Restic;
  /** Time limits in milliseconds: of questions to the repository, of a backup and of a restore. */
  readonly timeouts: { readonly queryMs: number; readonly saveMs: number; readonly restoreMs: number };
}

export interface ResticStoreParts {
  readonly run: Run;
  readonly log: Log;
  readonly now: () => Date;
}

/** The history of one host in a restic repository of its own. */
export function createResticStore(options: ResticStoreOptions, { run, log, now }: ResticStoreParts): Store {
  const { host, pinFile, timeouts, backupOptions, beside } = options;
  const { queryMs, saveMs } = timeouts;
  const restic = createRestic(options, { run, log });
  const repository = withoutCredentials(options.repository);

  const idIn = (stdout: string): string => {
    return parseRepositoryId(stdout) ?? fail(`restic cat config shows no repository id at ${repository}.`);
  };

  const findRepository = async (signal: AbortSignal): Promise<string | undefined> => {
    const asked = { signal, timeoutMs: queryMs, locks: true, tolerate: ['missing'] } as const;
    const { failure, stdout } = await restic.call(CONFIG_ARGS, asked);
    return failure === undefined ? idIn(stdout) : undefined;
  };

  const snapshots = async (signal: AbortSignal): Promise<readonly Snapshot[]> => {
    const lines: string[] = [];
    const onLine = (line: string) => void lines.push(line);
    await restic.call(snapshotsArgs(host), { signal, timeoutMs: queryMs, onLine });
    return parseSnapshots(lines, host) ?? fail(`restic snapshots gives no list that can be read, from ${repository}.`);
  };

  const check = async (signal: AbortSignal): Promise<void> => {
    requireUsableOptions(backupOptions, await restic.version(signal));
    const { stdout } = await restic.call(CONFIG_ARGS, { signal, timeoutMs: queryMs, locks: true });
    requirePinned(await readPin(pinFile), { id: idIn(stdout), repository, host, pinFile });
  };

  return {
    check,
    init: (signal) => init({ restic, beside, repository, pinFile, queryMs, now, findRepository }, signal),
    snapshots,
    // Asked again just before writing: since the caller's check a disk may have gone or another one come.
    save: async (request, signal) => {
      await check(signal);
      return save({ restic, backupOptions, saveMs, snapshots }, request, signal);
    },
  };
}

function requireUsableOptions(words: readonly string[], version: ResticVersion): void {
  const refused = refusedBackupOptions(words).map(({ name, why }) => `${name}: ${why}`);
  if (refused.length > 0) {
    throw new BackupError('config', `backup_options holds what cannot be used here: ${refused.join('; ')}.`);
  }
  if (wantsMaxCompression(words) && !has(version, 'safeMaxCompression')) {
    throw new BackupError(
      'config',
      `backup_options asks for maximum compression, which can destroy data before restic 0.16.4 (installed is ` +
        `${version.join('.')}). Leave it out or install a newer restic.`,
    );
  }
}

function fail(message: string): never {
  throw new BackupError('failed', message);
}
