// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ManifestService } from '@local-backup/common/manifest';
import type { Service } from './service.ts';

export interface Plan {
  readonly spool: string;
  readonly archive: string;
  readonly services: readonly Service[];
  readonly advice: ReadonlyMap<Service, readonly string[]>;
  readonly others: readonly ManifestService[];
  /** Archives that would be removed. */
  readonly expired: readonly string[];
}

/** What `--dry-run` prints. Pure. */
export function renderPlan({ spool, archive, services, advice, others, expired }: Plan): string {
  return [
    'Dry run: nothing was changed. A run would now',
    ...services.flatMap((service) => [
      `  save ${service.type}/${service.name}: ${service.tasks.map((task) => task.key).join(', ')}`,
      ...[...service.warnings, ...(advice.get(service) ?? [])].map((warning) => `    warning: ${warning}`),
    ]),
    ...others.flatMap((service) => [
      `  ${service.status === 'skipped' ? 'leave out' : 'FAIL to save'} ${service.type}/${service.name}`,
      ...service.messages.map((message) => `    ${message}`),
    ]),
    services.length === 0 ? '  publish nothing' : `  publish ${spool}/${archive}`,
    ...expired.map((name) => `  remove ${spool}/${name}`),
    verdict(services, others),
    '',
  ].join('\n');
}

function verdict(services: readonly Service[], others: readonly ManifestService[]): string {
  const failed = others.filter(({ status }) => status === 'failed').length;
  const asked = services.length + failed;
  return failed === 0 ? `All ${asked} service(s) can be saved.` : `${failed} of ${asked} service(s) would FAIL.`;
}
