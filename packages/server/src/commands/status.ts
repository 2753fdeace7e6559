// SPDX-License-Identifier: AGPL-3.0-or-later
import { describeError } from '@local-backup/common/errors';
import { readSuspicion } from '../anomaly/suspicion-file.ts';
import { countWaiting } from '../outbox.ts';
import { hostStates } from '../report/host-state.ts';
import { fleetState, PLUGIN_EXIT_CODE, renderStatus } from '../report/render-status.ts';
import { selectHosts } from '../select-hosts.ts';
import { futureProblems, storedRecords } from './records.ts';
import { outboxDirectory } from './send-mail.ts';
import type { Session } from './session.ts';

/**
 * `backup-server status [HOST...]`: how every host is, worst first line for check plugins.
 * @returns 0 ok, 1 warning, 2 critical, 3 unknown
 * @throws BackupError where nothing can be said at all; the command line makes 3 of it
 */
export async function status(session: Session, names: readonly string[]): Promise<number> {
  const { config, json, print, now } = session;
  const { hosts, rejectedHosts } = selectHosts(config, names);
  const { runs, future, damaged } = await storedRecords(session);
  const rejected = rejectedHosts.map(({ hostname = '(host without a name)' }) => ({ hostname, maxAgeMs: 0 }));
  const facts = {
    drillMaxAgeMs: config.drill.maxAgeMs,
    copyMaxAgeMs: new Map(config.restic.copies.map(({ name, maxAgeMs }) => [name, maxAgeMs])),
    suspicious: await suspiciousHosts(
      config.stateDir,
      hosts.map(({ hostname }) => hostname),
    ),
    rejected: new Set(rejected.map(({ hostname }) => hostname)),
  };
  const states = hostStates([...hosts, ...rejected], runs, facts, now());
  const others = [...futureProblems(future, session), ...(await mailProblems(session))];
  const faults = { damaged: damaged.map(({ problem }) => problem), others };
  const fleet = fleetState(states, runs, faults);
  if (json) print(JSON.stringify(fleet, undefined, 2));
  else for (const line of renderStatus(fleet, now(), isColoured())) print(line);
  return PLUGIN_EXIT_CODE[fleet.state];
}

/** Who relies on mails should see that none get out. */
async function mailProblems(session: Session): Promise<readonly string[]> {
  const directory = outboxDirectory(session);
  try {
    const count = await countWaiting(directory);
    return count === 0 ? [] : [`mails that could not be sent: ${count}; they wait in ${directory} for the next run.`];
  } catch (error) {
    return [describeError(error)];
  }
}

/** https://no-color.org: any text in NO_COLOR means none. */
function isColoured(): boolean {
  const { NO_COLOR = '', TERM = '' } = process.env;
  return process.stdout.isTTY === true && NO_COLOR === '' && TERM !== 'dumb';
}

/** `release` shows the rest; a host that is odd every night has many. */
function shortEvidence([first = '', ...others]: readonly string[]): string {
  return others.length === 0 ? first : `${first} (and ${others.length} more)`;
}

/** The evidence against each host that has some; a mark that cannot be read is one. */
async function suspiciousHosts(stateDirectory: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of names) {
    const evidence = await readSuspicion(stateDirectory, name).then(
      (mark) => mark && shortEvidence(mark.evidence),
      (error: unknown) => describeError(error),
    );
    if (evidence !== undefined) found.set(name, evidence);
  }
  return found;
}
