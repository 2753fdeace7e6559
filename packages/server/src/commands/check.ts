// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { type Check, type CheckResult, runChecks } from '../check-list.ts';
import { labelled } from '../report/text.ts';
import { selectHosts } from '../select-hosts.ts';
import { hostChecks } from './host-checks.ts';
import { recordsOf } from './records.ts';
import { serverChecks } from './server-checks.ts';
import type { Session } from './session.ts';

export interface CheckOptions {
  /** Send a mail to the admin as well. */
  readonly sendTestMail?: boolean;
}

/** `backup-server check [HOST...]`: everything that a run relies on, looked at one by one; nothing is left changed. */
export async function check(
  session: Session,
  names: readonly string[],
  { sendTestMail = false }: CheckOptions = {},
): Promise<number> {
  const { config, json, print, signal } = session;
  const { hosts, rejectedHosts } = selectHosts(config, names);
  const rejected = rejectedHosts.map(
    ({ hostname = '(host without a name)', message }): Check => ({
      about: hostname,
      name: 'configuration',
      work: async () => ({ failed: message }),
    }),
  );
  const runs = await recordsOf(session);
  const ofHosts = hosts.flatMap((host) => hostChecks(host, session, runs));
  const checks = [...serverChecks(session, { runs, sendTestMail }), ...rejected, ...ofHosts];
  const results = await runChecks(checks, signal, (result) => {
    if (!json) for (const line of renderResult(result)) print(line);
  });
  const failed = results.filter(({ status }) => status === 'failed').length;
  const warned = results.filter(({ status }) => status === 'warning').length;
  if (json) print(JSON.stringify(results, undefined, 2));
  else print(`\n${results.length} checks: ${failed} failed, ${warned} with warnings.`);
  return failed === 0 ? 0 : 1;
}

const WORD = { success: 'ok     ', warning: 'warning', failed: 'FAILED ' } as const;

function renderResult({ about, name, status, message }: CheckResult): readonly string[] {
  return labelled(`${WORD[status]} `, `${showControls(about)}: ${name}: ${message}`);
}
