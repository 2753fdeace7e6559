// SPDX-License-Identifier: AGPL-3.0-or-later
import { definePlugin } from '../../plugin.ts';
import { type LdapOptions, options } from './options.ts';
import { restore } from './restore.ts';
import { save, validate } from './save.ts';
import { verify } from './verify.ts';

/** Saves the directories of OpenLDAP, while slapd is running. */
export const ldap = definePlugin<LdapOptions>({
  name: 'ldap',
  summary: 'Saves the configuration and the databases of OpenLDAP (slapd), while it is running.',
  options,
  describe: ({ suffixes, config_dir }) => `LDAP ${suffixes?.join(', ') ?? 'databases, all'} of ${config_dir}`,
  validate,
  run: save,
  verify,
  restore,
});
