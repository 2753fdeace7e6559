// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { SERVICE_NAME_PATTERN } from '@local-backup/common/manifest';
import type { Amounts, ServiceAmount } from './drill-choice.ts';

/** A manifest names no more services; what lies in further directories is in the sum alone. */
const MOST_SERVICES = 10_000;

/** How much a snapshot holds by its entry list, in all and by service: `<type>/<service>/...`. */
export async function amountsOf(list: AsyncIterable<readonly Entry[]>, signal: AbortSignal): Promise<Amounts> {
  const all = { bytes: 0, entries: 0 };
  const services = new Map<string, { -readonly [Key in keyof ServiceAmount]: ServiceAmount[Key] }>();
  for await (const batch of list) {
    signal.throwIfAborted();
    for (const { path, size } of batch) {
      all.bytes += size;
      all.entries += 1;
      const name = serviceOf(path);
      if (name === undefined) continue;
      const service = services.get(name) ?? { name, bytes: 0, entries: 0 };
      if (services.size < MOST_SERVICES) services.set(name, service);
      service.bytes += size;
      service.entries += 1;
    }
  }
  return { all, services: [...services.values()] };
}

/** Undefined for what belongs to no service that the client can have made. */
export function serviceOf(path: BytePath): string | undefined {
  const [type = '', service = ''] = path.split('/', 2);
  const isName = SERVICE_NAME_PATTERN.test(type) && SERVICE_NAME_PATTERN.test(service);
  return isName ? `${type}/${service}` : undefined;
}
