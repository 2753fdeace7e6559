// SPDX-License-Identifier: AGPL-3.0-or-later
import { didYouMean } from '@local-backup/common/config/suggest';
import { BackupError } from '@local-backup/common/errors';

interface Named {
  readonly name: string;
  readonly type: string;
}

/**
 * The services that `--service` names, by `name` or `type/name`; all where none is named.
 * @throws BackupError `usage` that names what there is not, and what there is
 */
export function chooseServices<S extends Named>(services: readonly S[], wanted: readonly string[]): readonly S[] {
  const unknown = wanted.filter((name) => !services.some((service) => isCalled(service, name)));
  if (unknown.length > 0) throw new BackupError('usage', unknownMessage(services, unknown));
  if (wanted.length === 0) return services;
  return services.filter((service) => wanted.some((name) => isCalled(service, name)));
}

function isCalled({ name, type }: Named, wanted: string): boolean {
  return wanted === name || wanted === `${type}/${name}`;
}

function unknownMessage(services: readonly Named[], unknown: readonly string[]): string {
  const names = services.map(({ name, type }) => `${type}/${name}`);
  const hints = unknown.map(
    (name) =>
      `There is no service ${name}.${didYouMean(
        name,
        services.map((service) => service.name),
      )}`,
  );
  const known = names.length === 0 ? 'No service is configured.' : `Services of this host: ${names.join(', ')}.`;
  return [...hints, known].join('\n');
}
