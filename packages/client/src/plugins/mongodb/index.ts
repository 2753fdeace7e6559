// SPDX-License-Identifier: AGPL-3.0-or-later
import { definePlugin } from '../../plugin.ts';
import { requireTools } from './mongo-tools.ts';
import { type MongodbOptions, options } from './options.ts';
import { restore } from './restore.ts';
import { save } from './save.ts';
import { verify } from './verify.ts';

/** Saves databases of MongoDB by its own tools. */
export const mongodb = definePlugin<MongodbOptions>({
  name: 'mongodb',
  summary: 'Saves MongoDB databases as archives of mongodump.',
  options,
  takesContainer: true,
  describe: ({ databases, container, host }) => {
    const where = container ?? host ?? 'localhost';
    return `MongoDB ${databases === undefined ? 'databases, all' : `databases ${databases.join(', ')}`} of ${where}`;
  },

  async validate(context) {
    await requireTools(context, 'mongodump');
    return [];
  },

  run: save,
  verify,
  restore,
});
