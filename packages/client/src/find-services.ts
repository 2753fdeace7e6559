// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { ManifestService } from '@local-backup/common/manifest';
import type { ClientConfig } from './config.ts';
import { discoverServices, type RejectedService } from './discover.ts';
import type { Plugin } from './plugin.ts';
import type { Stuck } from './recover.ts';
import { chooseServices } from './select.ts';
import type { Service } from './service.ts';
import type { TaskIo } from './task-context.ts';
import { failedService, skippedService } from './task-progress.ts';
import { type Finding, validateServices } from './validate-services.ts';

export interface FindIo extends TaskIo {
  readonly plugins: readonly Plugin[];
  readonly now: () => Date;
}

export interface FoundServices {
  /** They can be saved. */
  readonly services: readonly Service[];
  /** See `ValidatedServices`. */
  readonly advice: ReadonlyMap<Service, readonly string[]>;
  /** What is odd about the place that services are looked for in. */
  readonly warnings: readonly string[];
  /** What the manifest says of all the others: failed, or not asked for. */
  readonly others: readonly ManifestService[];
  /** Of each service that was asked for and could be read, whether it can be saved or not. */
  readonly findings: ReadonlyMap<Service, readonly Finding[]>;
  /** Services that were asked for and could not be read. */
  readonly unread: readonly RejectedService[];
}

/**
 * Finds the services of this host and asks every task whether it can be done. Changes nothing.
 *
 * @param wanted names given by `--service`; none means all
 * @throws BackupError `config` where there is no service at all, `usage` where a name is unknown
 */
export async function findServices(
  config: ClientConfig,
  wanted: readonly string[],
  stuck: readonly Stuck[],
  io: FindIo,
): Promise<FoundServices> {
  const { services, rejected, warnings } = await discoverServices(config.serviceDir, io.plugins);
  if (services.length + rejected.length === 0) throw new BackupError('config', nothingToSave(config.serviceDir));
  const chosen = new Set<Service | RejectedService>(chooseServices([...services, ...rejected], wanted));
  const valid = await validateServices(
    services.filter((service) => chosen.has(service)),
    stuck,
    io,
  );
  const bad = rejected.filter((service) => chosen.has(service));
  for (const { message, name } of bad) io.log.error(message, { service: name });
  const left = [...services, ...rejected].filter((service) => !chosen.has(service));
  const others = [
    ...bad.map((service) => failedService(service, [service.message], io.now())),
    ...valid.rejected,
    ...left.map((service) => skippedService(service, 'Not asked for: --service named others.', io.now())),
  ];
  return { ...valid, warnings, others, unread: bad };
}

function nothingToSave(directory: string): string {
  return (
    `There is no service to save: no ${directory}/<type>/<name>/service.yaml. ` +
    'See `backup-client config sample service.yaml` for one to begin with.'
  );
}
