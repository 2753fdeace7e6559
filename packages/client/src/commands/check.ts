// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { resolveAccount } from '../account.ts';
import { checkedServices } from '../checked-services.ts';
import { findServices } from '../find-services.ts';
import { renderCheck } from '../render-check.ts';
import { checkSurroundings } from './client-checks.ts';
import { type GlobalOptions, openSession, taskIoOf } from './session.ts';

/**
 * `backup-client check`: reads the whole configuration and asks every task whether it can be done. Changes nothing.
 * @param signal ends the looking, where a signal to this process does not
 * @throws BackupError `config` when something would fail; what the signal was aborted with
 */
export async function checkCommand(
  global: GlobalOptions,
  print: (text: string) => void,
  signal = new AbortController().signal,
): Promise<void> {
  const session = await openSession(global);
  const { config, run, now, plugins } = session;
  await resolveAccount(config.backupUser, config.backupGroup, run);
  // What is wrong is in the table; the log would say it twice.
  const quiet = { ...session.log, error: () => undefined };
  const io = { ...taskIoOf(session, signal), log: quiet, plugins, now };
  const found = await findServices(config, [], [], io);
  const surroundings = await checkSurroundings(session);
  signal.throwIfAborted();
  const warnings = [...config.warnings, ...found.warnings];
  const result = { configFile: global.config, warnings, surroundings, services: checkedServices(found) };
  print(global.json ? `${JSON.stringify(result)}\n` : renderCheck(result));
  const { services, others } = found;
  const failures = [
    ...surroundings.filter(({ state }) => state === 'FAILED').map(({ what }) => `${what} is not as a run needs it.`),
    ...(others.length === 0
      ? []
      : [`${others.length} of ${others.length + services.length} services cannot be saved as configured.`]),
  ];
  if (failures.length > 0) throw new BackupError('config', failures.join(' '));
}
