// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toolsOf } from '@local-backup/common/config/tools';
import { BackupError } from '@local-backup/common/errors';
import { withInstanceLock } from '@local-backup/common/instance-lock';
import { createToolbox } from '@local-backup/common/program';
import { abortOnSignals } from '@local-backup/common/signals';
import { discoverServices } from '../discover.ts';
import { placesIn } from '../places.ts';
import { forgetService, type Recovery, recover } from '../recover.ts';
import { openUndoJournal } from '../undo-journal.ts';
import { loadPlugins } from './load-plugins.ts';
import { type ClientSession, type GlobalOptions, instanceLockIn, openSession, taskIoOf } from './session.ts';

export interface RecoverOptions {
  /** `type/name` of a service that was put back by hand. */
  readonly done?: string;
}

/**
 * `backup-client recover`: undoes what an earlier run has left. Harmless when there is nothing, or a run is under way.
 * @throws BackupError `failed` when something could not be undone, `locked` while a backup is running
 */
export async function recoverCommand(global: GlobalOptions, options: RecoverOptions, print: (text: string) => void) {
  const watch = abortOnSignals();
  try {
    const session = await openSession(global).catch(async (error: unknown) => {
      await recoverWithoutConfig(global, watch.signal);
      throw error;
    });
    await withInstanceLock(instanceLockIn(session.config.lockDir), 'backup-client', async (lost) => {
      if (options.done !== undefined) return print(await forget(session, options.done));
      const recovery = await recoverNow(session, AbortSignal.any([watch.signal, lost]));
      if (recovery.undone.length + recovery.failed.length === 0) print('Nothing to undo.\n');
      requireAll(recovery);
    });
  } finally {
    watch.dispose();
  }
}

/** With the services as they are configured now, as far as they can be read. */
export async function recoverNow(session: ClientSession, signal: AbortSignal): Promise<Recovery> {
  const { plugins, config } = session;
  const found = await discoverServices(config.serviceDir, plugins).catch(() => ({ services: [] }));
  return recover({ ...taskIoOf(session, signal), plugins, services: found.services });
}

/**
 * A service must not stay stopped because of a typo in the configuration (promise 2): all that recovery needs of it is
 * where the journal and the lock are.
 */
export async function recoverWithoutConfig(global: GlobalOptions, signal: AbortSignal): Promise<void> {
  const { stateDir, lockDir, pluginDir, serviceDir } = placesIn(await readFile(global.config, 'utf8').catch(() => ''));
  const { log, run } = createToolbox({ level: 'warn', json: global.json ?? false });
  const journal = openUndoJournal(join(stateDir, 'undo'));
  const { entries, damaged } = await journal.list();
  if (entries.length + damaged.length === 0) return;
  const tools = toolsOf();
  const { plugins } = await loadPlugins({ pluginDir, serviceDir, tools }, { exec: run, log });
  const io = { exec: run, tools, log, journal, plugins, services: [] };
  await withInstanceLock(instanceLockIn(lockDir), 'backup-client', async (lost) => {
    await recover({ ...io, signal: AbortSignal.any([signal, lost]) });
  });
}

async function forget(session: ClientSession, name: string): Promise<string> {
  const count = await forgetService(name, session);
  if (count > 0) return `Forgotten what had to be undone of ${name}.\n`;
  throw new BackupError('usage', `There is nothing to be undone of ${name}. Name the service as TYPE/NAME.`);
}

function requireAll({ failed }: Recovery): void {
  if (failed.length === 0) return;
  const list = failed.map(({ message }) => `  ${message}`).join('\n');
  const next =
    'Correct the service.yaml and run this again, or put it back by hand and type: backup-client recover --done TYPE/NAME';
  throw new BackupError('failed', `Could not be put back:\n${list}\n${next}`);
}
