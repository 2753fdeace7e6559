// SPDX-License-Identifier: AGPL-3.0-or-later
import { describeError, InterruptedError } from '@local-backup/common/errors';
import { mapParallel } from '@local-backup/common/parallel';
import { runService, type SavedService } from './run-service.ts';
import type { Service } from './service.ts';
import type { ServiceIo } from './service-work.ts';
import { failedService } from './task-progress.ts';

/**
 * Saves the services into the archive, so many at a time; each is put back whatever happens to the others.
 * @throws what ended the run, when all that were under way have been put back
 */
export async function saveServices(
  services: readonly Service[],
  parallel: number,
  io: ServiceIo,
): Promise<readonly SavedService[]> {
  const ended: unknown[] = [];
  const saved = await mapParallel(services, parallel, async (service) => {
    if (ended.length > 0) return [];
    io.log.info(`Saving ${service.type}/${service.name} ...`, { service: service.name });
    return saveService(service, io).then(
      (one) => [one],
      (error: unknown) => {
        ended.push(error);
        return [];
      },
    );
  });
  // What could not be put back comes before the signal that has ended the run.
  if (ended.length > 0) throw ended.find((error) => !(error instanceof InterruptedError)) ?? ended[0];
  return saved.flat();
}

/** The boundary of a service: what keeps it from even beginning costs this service, not the others. */
async function saveService(service: Service, io: ServiceIo): Promise<SavedService> {
  try {
    return await runService(service, io);
  } catch (error) {
    if (io.signal.aborted || io.archive.broken) throw error;
    const message = describeError(error);
    io.log.error(message, { service: service.name });
    return { report: failedService(service, [message], io.now()), hasData: false };
  }
}
