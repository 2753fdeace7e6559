// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { discoverServices } from '../discover.ts';
import type { Plugin } from '../plugin.ts';
import type { Service } from '../service.ts';
import { readServiceCopy, type ServiceCopy } from '../verify-copy.ts';

/** The service.yaml that a restore goes by. */
export interface RestoredService {
  readonly service: Service;
  /** For the plan: whose it is, and what is worth knowing of it. */
  readonly notes: readonly string[];
}

export interface WantedService {
  readonly type: string;
  readonly name: string;
  readonly copy: ServiceCopy;
  readonly serviceDir: string;
  readonly plugins: readonly Plugin[];
  /** `--saved-config` */
  readonly preferSaved: boolean;
}

/**
 * The service.yaml of this host counts where the service is configured: it is root's own, and names the sockets and
 * credentials of this machine, while the copy may have been through other hands. On a host where it is not configured,
 * or where that was asked for, the one that was saved with the copy.
 * @throws BackupError `config` where the one that counts cannot be used
 */
export async function chooseRestoredService(wanted: WantedService): Promise<RestoredService> {
  const { type, name, copy, serviceDir, plugins } = wanted;
  const saved = () => readServiceCopy(copy, plugins);
  const { services, rejected } = await discoverServices(serviceDir, plugins).catch(noServices);
  const own = services.find((service) => service.type === type && service.name === name);
  const configDirectory = own?.configDirectory ?? join(serviceDir, type, name);
  if (own !== undefined && !wanted.preferSaved) {
    const isSame = await saved().then(
      (other) => sameText(own.file, other.file),
      () => undefined,
    );
    return { service: { ...own, type, configDirectory }, notes: [`service.yaml: ${own.file}`, ...difference(isSame)] };
  }
  const broken = rejected.find((service) => service.type === type && service.name === name);
  if (broken !== undefined && !wanted.preferSaved) {
    const hint = 'Correct it, or go by the one that was saved: --saved-config';
    throw new BackupError(
      'config',
      `The service.yaml of ${type}/${name} on this host cannot be used. ${hint}\n${broken.message}`,
    );
  }
  const why =
    own === undefined && broken === undefined ? 'the service is not configured on this host' : '--saved-config';
  const service = { ...(await saved()), name, type, configDirectory };
  return {
    service,
    notes: [
      `service.yaml: the one in the copy (${why}); commands in it are run as root: ${service.file}`,
      ...service.warnings,
    ],
  };
}

function difference(isSame: boolean | undefined): readonly string[] {
  if (isSame === true) return [];
  if (isSame === undefined) return ['The service.yaml in the copy cannot be used; the one of this host counts.'];
  return ['It is not the one that was saved with the copy; to go by that: --saved-config'];
}

async function sameText(first: string, second: string): Promise<boolean> {
  // Read before by those that have bounded its size.
  const [one, other] = await Promise.all([readFile(first), readFile(second)]);
  return one.equals(other);
}

/** A new host has no services yet. */
async function noServices(error: unknown): Promise<{ services: readonly Service[]; rejected: readonly never[] }> {
  const missing = error instanceof BackupError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  if (missing) return { services: [], rejected: [] };
  throw error;
}
