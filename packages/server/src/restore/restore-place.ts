// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { isSystemDirectory } from '@local-backup/common/config/values';
import { BackupError } from '@local-backup/common/errors';
import type { ServerConfig } from '../config/config.ts';
import { isWithin, localRepositoryRoot, realPath } from '../config/directories.ts';
import { repositoryDirectories } from '../config/repository-conflicts.ts';

/** The kernel's own: nothing can be put there, and Node's mkdir never comes back from /proc. */
const PSEUDO = ['/proc', '/sys', '/dev'];

/**
 * Refuses directories that nothing may be put into: those of the system, and those that runs empty and fill.
 * @param verb for the message: `restore into`
 * @throws BackupError `usage`
 */
export function requireOwnPlace(target: string, verb: string, config: ServerConfig): void {
  const real = realPath(target);
  const cannot = `Cannot ${verb} ${showControls(target)}:`;
  if (PSEUDO.some((directory) => isWithin(real, directory))) {
    throw new BackupError('usage', `${cannot} that is no place for files. Try /var/tmp/restored`);
  }
  if (isSystemDirectory(real)) {
    throw new BackupError(
      'usage',
      `${cannot} it belongs to the system. Give a directory of its own, /var/tmp/restored for example, and copy from ` +
        'there what is needed.',
    );
  }
  // A repository root of `/` takes nothing that could be meant: its repositories are not empty, which is found later.
  const taken = Object.entries(takenBy(config)).find(
    ([, directory]) => directory !== undefined && directory !== '/' && isWithin(real, directory),
  );
  if (taken === undefined) return;
  const where = `it is in ${taken[0]} (${taken[1]}), which runs work in`;
  throw new BackupError(
    'usage',
    `${cannot} ${where}. Give another directory${verb === 'restore into' ? ' with --to' : ''}.`,
  );
}

function takenBy({
  liveDir,
  localTempBaseDir,
  stateDir,
  restic,
  hosts,
}: ServerConfig): Record<string, string | undefined> {
  return {
    live_dir: liveDir,
    local_temp_base_dir: realPath(localTempBaseDir),
    repository_root: localRepositoryRoot(restic.repositoryRoot),
    state_dir: stateDir,
    ...repositoryDirectories(hosts, restic),
  };
}
