// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import type { Log } from '@local-backup/common/log';
import { sleep } from '@local-backup/common/sleep';
import { createAnomalyGate } from '../anomaly/anomaly.ts';
import type { HostIo } from '../backup-host.ts';
import { anomalyLimitsOf } from '../config/anomaly-schema.ts';
import type { Host } from '../config/host.ts';
import type { Remote } from '../remotes/remote.ts';
import { connectSftp } from '../remotes/sftp/index.ts';
import { createSaveMarker, type SaveMarker } from '../save-marker.ts';
import { createArchiveSource } from '../sources/archive/index.ts';
import type { Source } from '../sources/source.ts';
import { copiesOf } from './copies.ts';
import { storeOf } from './repositories.ts';
import { takingTurns } from './repository-lock.ts';
import type { Session } from './session.ts';

/** The only place that knows which source and remote a host has; repositories.ts knows its store. */

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
  const store = options.dryRun ? storeOf(host, session) : takingTurns(storeOf(host, session), host, session);
  const anomaly = createAnomalyGate({
    ...{ stateDirectory: config.stateDir, hostname: host.hostname, liveDirectory },
    ...{ limits: anomalyLimitsOf(config.anomaly, host.anomaly), maxEntries: host.maxEntries, now, signal },
  });
  return {
    host,
    store,
    marker: markerOf(host, session),
    anomaly,
    copies: copiesOf(host, session),
    liveDirectory,
    openSource,
    dryRun: options.dryRun,
    now,
    signal,
  };
}
