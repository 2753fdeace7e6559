// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { verifyServer } from './after-restore.ts';
import { readArchive } from './archive.ts';
import { dumpArchive, loadArchive, requireTools } from './mongo-tools.ts';
import type { MongodbOptions } from './options.ts';
import { placeOf, readSaved } from './record.ts';

type Context = RestoreContext<MongodbOptions>;

/** Archives in `kept` of what was there before, in the order in which they were loaded. */
const memo = z.strictObject({ kept: z.array(z.strictObject({ name: z.string(), database: z.string().nullable() })) });

type Kept = z.infer<typeof memo>['kept'];

export const restore: TaskRestore<MongodbOptions> = {
  async plan(context) {
    if (context.as !== undefined) {
      throw new BackupError(
        'usage',
        '--as: mongorestore does not tell whether a database is there already. Restore to a directory, then: ' +
          "mongorestore --archive=FILE --nsFrom='shop.*' --nsTo='other.*'",
      );
    }
    await requireTools(context, 'mongorestore', 'mongodump');
    const steps: RestoreStep[] = [];
    for (const { database, collections } of await readSaved(context.copy)) {
      await readArchive(await fileInCopy(context.copy, placeOf(database)));
      const what = database === null ? 'all databases' : `database ${database}`;
      steps.push(...stepsOf(what, collections.length, context), {
        action: 'load',
        what: `${what} (${collections.length} collections), from ${placeOf(database)}`,
      });
    }
    return [...steps, { action: 'note', what: 'collections that are not in the archive stay as they are' }];
  },

  async apply(context) {
    const archives = await readSaved(context.copy);
    const kept: Kept = [];
    for (const [index, { database }] of archives.entries()) {
      const file = await fileInCopy(context.copy, placeOf(database));
      await readArchive(file);
      const name = `${index}.archive`;
      const before = join(context.kept, name);
      await dumpArchive(before, database ?? undefined, context);
      // Nothing is dropped for an archive that could not be loaded again.
      await readArchive(before);
      kept.push({ name, database });
      await context.remember({ kept });
      await loadArchive(file, { database: database ?? undefined, drop: context.options.drop }, context);
    }
    return [];
  },

  async revert(context) {
    const remembered = context.remembered();
    if (remembered === undefined) return;
    const { kept } = memo.parse(remembered);
    for (const { name, database } of [...kept].reverse()) {
      const file = join(context.kept, name);
      // A database that was not there has left an archive without collections.
      if ((await readArchive(file)).size === 0) continue;
      await loadArchive(file, { database: database ?? undefined, drop: true }, context);
    }
    // What is written from now on must survive a second call.
    await context.remember({ kept: [] });
  },

  verify: verifyServer,
};

function stepsOf(what: string, collections: number, { options }: Context): RestoreStep[] {
  const keep: RestoreStep = { action: 'keep', what: `${what} as it is now, as an archive` };
  if (!options.drop) return [keep];
  return [keep, { action: 'replace', what: `${what}: ${collections} collections are removed, where they are there` }];
}
