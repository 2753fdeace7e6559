// SPDX-License-Identifier: AGPL-3.0-or-later
import { freshnessOf } from '../report/freshness.ts';
import { fleetState, renderStatus } from '../report/render-status.ts';
import { recordsOf } from './records.ts';
import type { Session } from './session.ts';

/** `backup-server status`: how fresh the newest good snapshot of every host is; exit code 1 where something is not. */
export async function status(session: Session): Promise<number> {
  const { config, json, print, now } = session;
  const runs = await recordsOf(session);
  const rejected = config.rejectedHosts.map(({ hostname = '(host without a name)' }) => ({ hostname, maxAgeMs: 0 }));
  const state = fleetState(freshnessOf([...config.hosts, ...rejected], runs, now()), runs);
  if (json) print(JSON.stringify(state, undefined, 2));
  else for (const line of renderStatus(state)) print(line);
  return state.green ? 0 : 1;
}
