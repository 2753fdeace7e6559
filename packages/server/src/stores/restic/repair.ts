// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { withoutCredentials } from '../../config/repository-location.ts';
import type { Repair } from '../repair.ts';
import { parseRepositoryId } from './messages.ts';
import { readPin, requirePinned } from './pin.ts';
import { createRestic } from './restic.ts';
import type { ResticUpkeepOptions, ResticUpkeepParts } from './upkeep.ts';
import { CONFIG_UNLOCKED_ARGS, repairIndexArgs, repairSnapshotsArgs } from './upkeep-args.ts';
import { has } from './version.ts';

/** Repairs the restic repository of one host. Only one whose id is the pinned one is touched. */
export function createResticRepair(
  options: ResticUpkeepOptions,
  { run, log }: Pick<ResticUpkeepParts, 'run' | 'log'>,
): Repair {
  const { host, pinFile, timeouts } = options;
  const restic = createRestic(options, { run, log });
  const repository = withoutCredentials(options.repository);

  const requireOurs = async (signal: AbortSignal): Promise<void> => {
    const { stdout } = await restic.call(CONFIG_UNLOCKED_ARGS, { signal, timeoutMs: timeouts.queryMs });
    const id = parseRepositoryId(stdout);
    if (id === undefined) throw new BackupError('failed', `restic shows no repository id at ${repository}.`);
    requirePinned(await readPin(pinFile), { id, repository, host, pinFile });
  };

  return {
    async index(readAllPacks, signal) {
      await requireOurs(signal);
      const args = repairIndexArgs(has(await restic.version(signal), 'repair'), readAllPacks);
      await restic.call(args, { signal, timeoutMs: timeouts.upkeepMs, locks: true });
    },
    async snapshots(how, signal) {
      const version = await restic.version(signal);
      if (!has(version, 'repair')) {
        throw new BackupError(
          'config',
          `restic ${version.join('.')} cannot repair snapshots: 0.16 or newer is needed (Debian 13 has 0.18). Set ` +
            '`restic_cmd` to a newer restic for this; repositories of both are the same.',
        );
      }
      await requireOurs(signal);
      const said: string[] = [];
      const onLine = (line: string) => void said.push(showControls(line));
      await restic.call(repairSnapshotsArgs(host, how), { signal, timeoutMs: timeouts.upkeepMs, locks: true, onLine });
      return said.filter((line) => line.trim() !== '');
    },
  };
}
