// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';

/** How a step, service, host or run fared, best first. */
const STATUSES = ['success', 'skipped', 'warning', 'failed'] as const;

export const statusSchema = z.enum(STATUSES);

export type Status = z.infer<typeof statusSchema>;

/**
 * The worst of the parts. No parts at all is `failed`: absence of evidence is not success
 * (docs/design.md, promise 1).
 */
export function worstStatus(parts: Iterable<Status>): Status {
  let worst = -1;
  for (const part of parts) worst = Math.max(worst, STATUSES.indexOf(part));
  return STATUSES[worst] ?? 'failed';
}
