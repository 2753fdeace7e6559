// SPDX-License-Identifier: AGPL-3.0-or-later
import { absolutePath, duration, line } from '@local-backup/common/config/values';
import * as z from 'zod';

export const options = z.strictObject({
  config_dir: absolutePath
    .default('/etc/ldap/slapd.d')
    .describe('Directory of the configuration of slapd (`slapd -F`).'),
  suffixes: z
    .array(line)
    .min(1)
    .optional()
    .describe('Databases to save, by their suffixes (`""`: the empty one). Without it: all that slapd keeps itself.')
    .meta({ examples: [['dc=example,dc=org']] }),
  timeout: duration({ min: '1s' }).prefault('1h').describe('Time limit for saving, and for loading, each database.'),
});

export type LdapOptions = z.infer<typeof options>;
