// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { containerEngine } from '../../plugin-tools/container.ts';
import type { Compose, Context } from './compose.ts';
import { type Container, listContainers } from './containers.ts';
import { limitArgs } from './stop.ts';

/**
 * Starts what has to be started, and stops again what podman starts besides: podman-compose gives containers the services that
 * they depend on as `--requires`, which `podman start` starts too, and its `up` passes over `--no-deps`
 * (containers/podman-compose#398, 1.3). What an admin had stopped stays so. With docker it is `start` alone.
 * @param wanted how many containers of a service have to run
 */
export async function withoutOthers(
  { compose, context }: { readonly compose: Compose; readonly context: Context },
  wanted: (service: string) => number,
  start: () => Promise<void>,
): Promise<void> {
  if (!/(?:^|\/)podman$/.test(containerEngine(context.tools))) return start();
  const before = await runningNow(compose, context);
  await start();
  const now = await runningNow(compose, context);
  if (before === undefined || now === undefined) return undefined;
  const unwanted = now.filter(({ id, service }) => !before.some((one) => one.id === id) && wanted(service) === 0);
  if (unwanted.length === 0) return undefined;
  const names = unwanted.map(({ name }) => name).join(', ');
  context.log.info(`${names}: started by podman, because others depend on it; stopped again, as before.`);
  await compose
    .engine(['stop', ...limitArgs(context.options.stop_timeout), ...unwanted.map(({ id }) => id)])
    .catch(tell);

  function tell(error: unknown): void {
    if (!(error instanceof BackupError)) throw error;
    context.log.warn(`${names} did not run before, runs now, and could not be stopped: ${error.message}`);
  }
}

/** Undefined where that cannot be told: starting goes before. */
async function runningNow(compose: Compose, { log }: Context): Promise<readonly Container[] | undefined> {
  try {
    return (await listContainers(compose)).filter(({ state }) => state === 'running');
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    log.info(`What runs besides cannot be told: ${error.message}`);
    return undefined;
  }
}
