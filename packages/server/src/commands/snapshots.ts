// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Host } from '../config/host.ts';
import { type Pin, readPins } from '../maintenance/pins.ts';
import { type HostSnapshots, renderSnapshots } from '../report/render-snapshots.ts';
import { selectHosts } from '../select-hosts.ts';
import { markerOf } from './adapters.ts';
import { storeOf } from './repositories.ts';
import type { Session } from './session.ts';

/**
 * `backup-server snapshots [HOST...]`: what is in the repositories. A repository that cannot be read is told in the log;
 * the others are listed all the same.
 */
export async function snapshots(session: Session, names: readonly string[]): Promise<number> {
  const { config, json, log, print, signal } = session;
  const listed: HostSnapshots[] = [];
  const { hosts, rejectedHosts } = selectHosts(config, names);
  for (const rejected of rejectedHosts) log.error(rejected.message);
  let failures = rejectedHosts.length;
  for (const host of hosts) {
    signal.throwIfAborted();
    try {
      const found = await storeOf(host, session).snapshots(signal);
      const unproven = await markerOf(host, session).read();
      const pins = await pinsOf(host, session);
      listed.push({ host: host.hostname, snapshots: found, unproven, pins });
    } catch (error) {
      failures += 1;
      log.error('the snapshots cannot be listed', { host: host.hostname, error });
    }
  }
  if (json) print(JSON.stringify(listed, undefined, 2));
  else for (const line of renderSnapshots(listed)) print(line);
  return failures === 0 ? 0 : 1;
}

/** The snapshots are there whatever became of the pins. */
async function pinsOf({ hostname }: Host, { config, log }: Session): Promise<readonly Pin[]> {
  return readPins(config.stateDir, hostname).catch((error: unknown) => {
    log.warn('the pins cannot be read', { host: hostname, error });
    return [];
  });
}
