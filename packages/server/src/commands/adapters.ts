// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import type { Run } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import { sleep } from '@local-backup/common/sleep';
import type { HostIo } from '../backup-host.ts';
import type { Host } from '../host.ts';
import type { Remote } from '../remotes/remote.ts';
import { connectSftp } from '../remotes/sftp/index.ts';
import { createSaveMarker, type SaveMarker } from '../save-marker.ts';
import { createArchiveSource } from '../sources/archive/index.ts';
import type { Source } from '../sources/source.ts';
import { createResticStore } from '../stores/restic/index.ts';
import type { Store } from '../stores/store.ts';
import type { Session } from './session.ts';

/** The only place that knows which store, source and remote a host has. */

/** How long to wait for a repository that another restic has locked, in milliseconds; needs restic 0.16. */
const REPOSITORY_LOCK_WAIT_MS = 5 * 60_000;

/** The history of a host. */
export function storeOf(host: Host, { config, run, log, now }: Session): Store {
  const { restic, stateDir } = config;
  const { passwordFile, passwordCommand = '' } = restic;
  const [program = 'restic', ...words] = restic.command;
  const options = {
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
  // `restic_cmd` may be more than the name of a program, `nice restic` for example.
  const runWords: Run = (name, args, settings) => run(name, [...words, ...args], settings);
  return createResticStore(options, { run: runWords, log: log.child({ host: host.hostname }), now });
}

/** The memory of unproven saves. */
export function markerOf(host: Host, { config }: Session): SaveMarker {
  return createSaveMarker(config.stateDir, host.hostname);
}

/** Logs in to a host. */
export function connectTo(host: Host, log: Log, signal: AbortSignal): Promise<Remote> {
  return connectSftp(host.ssh, host.remoteTarDir, { log, signal, hostname: host.hostname });
}

/** Everything that the pipeline of one host works with. */
export function hostIoOf(
  host: Host,
  session: Session,
  options: { readonly dryRun: boolean; readonly force: boolean },
  attempt: { readonly log: Log; readonly signal: AbortSignal },
): HostIo {
  const { config, run, now } = session;
  const { log, signal } = attempt;
  const liveDirectory = join(config.liveDir, host.hostname);
  const openSource = async (): Promise<Source> =>
    createArchiveSource({
      host,
      remote: () => connectTo(host, log, signal),
      workDirectory: join(config.localTempBaseDir, host.hostname),
      liveDirectory,
      lock: { retries: config.lockRetries, delayMs: config.lockRetryDelayMs },
      force: options.force,
      run,
      log,
      signal,
      now,
      sleep,
    });
  const store = storeOf(host, session);
  return {
    host,
    store,
    marker: markerOf(host, session),
    liveDirectory,
    openSource,
    dryRun: options.dryRun,
    now,
    signal,
  };
}
