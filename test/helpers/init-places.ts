// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';

/** Where `init` looks in a test. @param work directory of the lab */
export function placesIn(work: string) {
  return {
    root: join(work, 'root'),
    serverKeysFile: join(work, 'ssh/backup-client.keys'),
    systemdDirectory: join(work, 'systemd'),
  };
}
