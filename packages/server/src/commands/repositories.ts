// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import type { Run } from '@local-backup/common/exec';
import type { Host } from '../host.ts';
import { createResticStore, type ResticStoreOptions } from '../stores/restic/index.ts';
import type { Store } from '../stores/store.ts';
import type { Session } from './session.ts';

/** The only place that knows which store a host has. */

/** How long to wait for a repository that another restic has locked, in milliseconds; needs restic 0.16. */
const REPOSITORY_LOCK_WAIT_MS = 5 * 60_000;

/** The history of a host. */
export function storeOf(host: Host, session: Session): Store {
  const { log, now } = session;
  const parts = { run: runOf(session), log: log.child({ host: host.hostname }), now };
  return createResticStore(resticOptionsOf(host, session), parts);
}

/** Where the repository of a host is, and how it is opened. */
function resticOptionsOf(host: Host, { config }: Session): ResticStoreOptions {
  const { restic, stateDir } = config;
  const { passwordFile, passwordCommand = '' } = restic;
  const [program = 'restic'] = restic.command;
  return {
    host: host.hostname,
    repository: `${restic.repositoryRoot}/${host.hostname}`,
    password: passwordFile === undefined ? { command: passwordCommand } : { file: passwordFile },
    program,
    cacheDirectory: join(stateDir, 'restic-cache'),
    environment: {},
    lockWaitMs: REPOSITORY_LOCK_WAIT_MS,
    backupOptions: restic.backupOptions,
    pinFile: join(stateDir, 'repositories', `${host.hostname}.json`),
    verifyRestore: true,
    timeouts: {
      queryMs: restic.commandTimeoutMs,
      saveMs: restic.backupTimeoutMs,
      restoreMs: restic.restoreTimeoutMs,
    },
  };
}

/** `restic_cmd` may be more than the name of a program, `nice restic` for example. */
function runOf({ config, run }: Session): Run {
  const [, ...words] = config.restic.command;
  return (name, args, settings) => run(name, [...words, ...args], settings);
}
