// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { definePlugin } from '../../plugin.ts';
import { readBackups, requireWhole } from './backup-content.ts';
import { type InfluxOptions, options } from './options.ts';
import { askContents, DIRECTORY, tablesOf, writeSaved } from './record.ts';
import { restore } from './restore.ts';
import { isVersionTwo, serverOf } from './server.ts';
import { askStatements, saveStatements } from './statements.ts';
import { verify } from './verify.ts';

/** Saves InfluxDB 1 and 2 by their own backup programs. */
export const influxdb = definePlugin<InfluxOptions>({
  name: 'influxdb',
  summary: 'Saves InfluxDB, version 1 (portable format) or 2.',
  options,
  takesContainer: true,
  describe: (task) => {
    const names = task.bucket ?? task.database ?? ['everything'];
    return `InfluxDB ${isVersionTwo(task) ? 2 : 1}: ${names.join(', ')}`;
  },

  async validate(context) {
    const { token, database, bucket } = context.options;
    const server = serverOf(context);
    await server.check();
    if (database !== undefined || bucket !== undefined) {
      const present = await server.databases();
      const missing = (database ?? bucket ?? []).filter((name) => !present.includes(name));
      if (missing.length > 0) {
        throw new BackupError(
          'failed',
          `InfluxDB has no ${missing.join(', ')}. Its ${server.noun}: ${present.join(', ')}.`,
        );
      }
    }
    const { warnings } = await askStatements(server);
    if (token === undefined) return warnings;
    return [...warnings, '`token` is in the service.yaml: put it into a file of its own, see `token_file`.'];
  },

  async run(context) {
    const { database, bucket } = context.options;
    const directory = join(context.stage, DIRECTORY);
    await mkdir(directory, { mode: 0o700 });
    const server = serverOf(context);
    const names = database ?? bucket;
    // Before they are saved: what is counted now must be in the copy.
    const counted = await askContents(server, names, context.log);
    if (names === undefined) await server.backup(directory, undefined);
    for (const name of names ?? []) {
      const own = join(directory, directoryOf(name));
      await mkdir(own, { mode: 0o700 });
      await server.backup(own, name);
    }
    const backups = await readBackups(context.stage, DIRECTORY);
    for (const backup of backups) await requireWhole(context.stage, backup);
    const saved = backups.flatMap(({ databases }) => databases);
    const warnings = await saveStatements(directory, server);
    const contents = { ...counted, databases: counted.databases.filter(({ name }) => saved.includes(name)) };
    if (!isVersionTwo(context.options)) await writeSaved(directory, contents);
    const engine = counted.version === undefined ? {} : { engine: `influxdb ${counted.version}` };
    const facts = { ...engine, [server.noun]: saved.join(', ').slice(0, 1_000) };
    return { warnings, facts, tables: tablesOf(contents) };
  },

  verify,
  restore,
});

/** Any name as one of a directory. influxd takes a `%` in a path for a format of its own (1.6.7). */
function directoryOf(name: string): string {
  return `db.${encodeURIComponent(name).replaceAll('%', '=')}`;
}
