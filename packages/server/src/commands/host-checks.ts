// SPDX-License-Identifier: AGPL-3.0-or-later
import { parseArchiveName } from '@local-backup/common/archive-name';
import type { RunRecord } from '@local-backup/common/run-record';
import { SPOOL_LOCK } from '@local-backup/common/spool';
import type { Check, Finding } from '../check-list.ts';
import type { Host } from '../config/host.ts';
import type { Remote } from '../remotes/remote.ts';
import { isStale } from '../report/freshness.ts';
import { formatTime, humanDuration } from '../report/text.ts';
import type { Snapshot } from '../stores/store.ts';
import { connectTo } from './adapters.ts';
import { copyChecks } from './copies.ts';
import { clockComplaint, lookAtConfinement } from './login-checks.ts';
import { storeOf } from './repositories.ts';
import type { Session } from './session.ts';
import { drillFinding } from './upkeep-checks.ts';

/** Created in the spool and removed again, to see whether the server may move archives there. */
const PROBE = '.backup-server-check';

/** What a run relies on for one host. @param runs the records of earlier runs */
export function hostChecks(host: Host, session: Session, runs: readonly RunRecord[]): readonly Check[] {
  const { config, signal, log, now } = session;
  const check = (name: string, work: () => Promise<Finding>): Check => ({ about: host.hostname, name, work });
  const store = storeOf(host, session);
  let loggedIn = false;
  return [
    check('repository', async () => {
      await store.check(signal);
      return lookAtHistory(host, await store.snapshots(signal), now());
    }),
    ...copyChecks(host, session),
    check('login and spool', async () => {
      const remote = await connectTo(host, log, signal);
      try {
        loggedIn = true;
        return await lookAtSpool(host, remote, now);
      } finally {
        await remote.close();
      }
    }),
    check('what the login can do', async () => {
      return loggedIn ? lookAtConfinement(host, session) : { warning: 'not looked at, as nobody could log in' };
    }),
    check('drill', async () => drillFinding(host.hostname, runs, config.drill.maxAgeMs, now())),
  ];
}

function lookAtHistory({ hostname, maxAgeMs }: Host, snapshots: readonly Snapshot[], now: Date): Finding {
  const newest = snapshots.at(-1);
  if (newest === undefined) return { warning: `usable, without snapshots. Make one: backup-server backup ${hostname}` };
  const text = `usable, ${snapshots.length} snapshots, the newest of ${formatTime(newest.time)}`;
  if (!isStale(newest.time, maxAgeMs, now)) return text;
  return { warning: `${text}, older than ${humanDuration(maxAgeMs)} (max_age)` };
}

async function lookAtSpool(host: Host, remote: Remote, now: () => Date): Promise<Finding> {
  const names = (await remote.list()).map(({ name }) => name);
  // One that a check left behind when it was killed would tell the time of then.
  await remote.remove(PROBE);
  await remote.mark(PROBE);
  const clock = await clockComplaint(remote, PROBE, now());
  await remote.remove(PROBE);
  const archives = names.filter((name) => parseArchiveName(name)?.hostname === host.hostname).length;
  const text = `${host.ssh.user}@${host.ssh.address}:${host.ssh.port}, host key known, ${host.remoteTarDir} can be read and written, ${archives} archives wait`;
  if (clock !== undefined) return { warning: `${text}; ${clock}` };
  return names.includes(SPOOL_LOCK) ? { warning: `${text}; the client holds its lock at the moment` } : text;
}
