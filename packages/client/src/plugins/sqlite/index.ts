// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { definePlugin } from '../../plugin.ts';
import { readHeader } from './header.ts';
import { options, type SqliteOptions } from './options.ts';
import { restore } from './restore.ts';
import { locateDatabases, saveDatabases } from './save.ts';
import { requireProgram } from './sqlite3.ts';
import { verifyCopy } from './verify.ts';

/** Saves SQLite databases while programs write to them. */
export const sqlite = definePlugin<SqliteOptions>({
  name: 'sqlite',
  summary: 'Saves SQLite databases, while they are in use, and proves every copy.',
  options,
  describe: ({ paths }) => `SQLite databases ${paths.join(', ')}`,

  async validate(context) {
    await requireProgram();
    const complaints: string[] = [];
    const files = await locateDatabases(context.options);
    for (const file of files) {
      await readHeader(file).catch((error: unknown) => {
        if (!(error instanceof BackupError)) throw error;
        complaints.push(error.message);
      });
    }
    if (complaints.length > 0) throw new BackupError('failed', complaints.join('\n'));
    return files.length === 0 ? ['There is no database: nothing would be saved.'] : [];
  },

  run: saveDatabases,
  verify: verifyCopy,
  restore,
});
