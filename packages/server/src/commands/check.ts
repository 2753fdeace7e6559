// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { type Check, type CheckResult, runChecks } from '../check-list.ts';
import { labelled } from '../report/text.ts';
import { selectHosts } from '../select-hosts.ts';
import { askFor, isConfirmed } from './ask.ts';
import { hostChecks } from './host-checks.ts';
import { initHosts } from './init.ts';
import { recordsOf } from './records.ts';
import { serverChecks } from './server-checks.ts';
import type { Session } from './session.ts';

export interface CheckOptions {
  /** Send a mail to the admin as well. */
  readonly sendTestMail?: boolean;
  /** Offer, on a terminal, to set up each host that something is wrong with. */
  readonly fix?: boolean;
}

/**
 * `backup-server check [HOST...]`: everything that a run relies on, looked at one by one; nothing is left changed. With
 * `--fix` somebody is asked about each host that something is wrong with, and all is looked at again afterwards.
 */
export async function check(
  session: Session,
  names: readonly string[],
  { sendTestMail = false, fix = false }: CheckOptions = {},
): Promise<number> {
  if (fix && (session.json || askFor(session.signal) === undefined)) {
    throw new BackupError(
      'usage',
      '--fix asks before it does anything, and there is no terminal. Type: backup-server init HOST',
    );
  }
  const results = await lookAtAll(session, names, sendTestMail);
  const broken = new Set(results.filter(({ status }) => status === 'failed').map(({ about }) => about));
  const hosts = session.config.hosts.filter(({ hostname }) => broken.has(hostname));
  if (!fix || hosts.length === 0) return exitCodeOf(results);
  for (const { hostname } of hosts) {
    if (!(await isConfirmed(`Set up ${hostname} now (repository, host key, key)`, session, false))) continue;
    await initHosts(session, [hostname], {});
  }
  return exitCodeOf(await lookAtAll(session, names, false));
}

function exitCodeOf(results: readonly CheckResult[]): number {
  return results.some(({ status }) => status === 'failed') ? 1 : 0;
}

async function lookAtAll(
  session: Session,
  names: readonly string[],
  sendTestMail: boolean,
): Promise<readonly CheckResult[]> {
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
  return results;
}

const WORD = { success: 'ok     ', warning: 'warning', failed: 'FAILED ' } as const;

function renderResult({ about, name, status, message }: CheckResult): readonly string[] {
  return labelled(`${WORD[status]} `, `${showControls(about)}: ${name}: ${message}`);
}
