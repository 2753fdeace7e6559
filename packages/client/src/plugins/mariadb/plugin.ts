// SPDX-License-Identifier: AGPL-3.0-or-later
import { definePlugin, type Plugin } from '../../plugin.ts';
import type { Flavour } from './flavour.ts';
import { type DatabaseOptions, mysqlOptions, namedDatabases, options, savesGrants } from './options.ts';
import { eitherRestore } from './physical/either-restore.ts';
import { physicalRestore } from './physical/restore.ts';
import { savePhysical, validatePhysical } from './physical/save.ts';
import { verifyPhysical } from './physical/verify.ts';
import { databaseRestore } from './restore.ts';
import { saveDatabases } from './save.ts';
import { validateDatabases } from './validate.ts';
import { verifyDatabases } from './verify.ts';

/** The plugin under one of its two task keys. */
export function databasePlugin(flavour: Flavour): Plugin {
  return definePlugin<DatabaseOptions>({
    name: flavour.name,
    summary: `Dumps ${flavour.title} databases as SQL, with routines, events and triggers, and on request all accounts${
      flavour.name === 'mysql' ? '' : '; or copies the files of a whole server'
    }.`,
    options: flavour.name === 'mysql' ? mysqlOptions : options,
    takesContainer: true,
    describe: (given) => {
      if (given.physical) return 'all databases, physical copy';
      const named = namedDatabases(given);
      const which = named === undefined ? 'all databases' : `database ${named.join(', ')}`;
      return `${which}${savesGrants(given) ? ', accounts' : ''}, SQL`;
    },
    validate: (context) =>
      context.options.physical ? validatePhysical(context, flavour) : validateDatabases(context, flavour),
    run: (context) => (context.options.physical ? savePhysical(context, flavour) : saveDatabases(context, flavour)),
    verify: (context) =>
      context.options.physical ? verifyPhysical(context, flavour) : verifyDatabases(context, flavour),
    restore: eitherRestore(databaseRestore(flavour), physicalRestore(flavour)),
  });
}
