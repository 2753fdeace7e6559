// SPDX-License-Identifier: AGPL-3.0-or-later
import { definePlugin, type Plugin } from '../../plugin.ts';
import type { Flavour } from './flavour.ts';
import { type DatabaseOptions, namedDatabases, options, savesGrants } from './options.ts';
import { databaseRestore } from './restore.ts';
import { saveDatabases } from './save.ts';
import { validateDatabases } from './validate.ts';
import { verifyDatabases } from './verify.ts';

/** The plugin under one of its two task keys. */
export function databasePlugin(flavour: Flavour): Plugin {
  return definePlugin<DatabaseOptions>({
    name: flavour.name,
    summary: `Dumps ${flavour.title} databases as SQL, with routines, events and triggers, and on request all accounts.`,
    options,
    describe: (given) => {
      const named = namedDatabases(given);
      const which = named === undefined ? 'all databases' : `database ${named.join(', ')}`;
      return `${which}${savesGrants(given) ? ', accounts' : ''}, SQL`;
    },
    validate: (context) => validateDatabases(context, flavour),
    run: (context) => saveDatabases(context, flavour),
    verify: (context) => verifyDatabases(context, flavour),
    restore: databaseRestore(flavour),
  });
}
