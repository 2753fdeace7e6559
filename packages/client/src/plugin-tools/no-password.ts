// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';

/**
 * The `password` key of plugins that log in somewhere: refused, with what to write instead (C54 of the original: passwords
 * are never in a service.yaml).
 * @param instead `a /root/.pgpass of mode 0600`
 */
export function noPassword(instead: string) {
  return z
    .never(`must not be in a service.yaml: put it into ${instead}`)
    .optional()
    .describe(`Refused: use ${instead}.`);
}
