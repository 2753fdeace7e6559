// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { Check, CopyContext } from '../../../plugin-copy.ts';
import { onlyReading } from '../../../plugin-tools/throw-away-user.ts';
import type { DatabaseOptions } from '../options.ts';
import type { PhysicalRecord } from './record.ts';

type Context = Pick<CopyContext<DatabaseOptions>, 'exec' | 'signal' | 'options' | 'level'>;

/** Pages are read at level quick up to so many bytes, some ten seconds; all of them at level full. */
const QUICK_BYTES = 1024 ** 3;

/** Files of one call: a command line holds 2 MiB. */
const FILES_AT_ONCE = 200;

const NAME = 'pages of InnoDB';

/** What innochecksum reads by one call. */
interface Portion {
  readonly range: readonly string[];
  readonly paths: readonly string[];
}

/** Whether every page of InnoDB in a copy fits its checksum: innochecksum of the server looks. */
export async function checkPages(data: string, record: PhysicalRecord, context: Context): Promise<Check> {
  // It cannot look into an empty file.
  const chosen = record.files.filter(({ path, bytes }) => bytes > 0 && /(?:\.ibd|^ibdata1|^undo\d+)$/.test(path));
  const bytes = chosen.reduce((sum, file) => sum + file.bytes, 0);
  const skipped = (message: string): Check => ({ name: NAME, status: 'skipped', message });
  if (context.level === 'quick' && bytes > QUICK_BYTES) {
    return skipped('too many to be read each time: they are read at level full');
  }
  if ((await findProgram('innochecksum')) === undefined) return skipped('not read: apt install mariadb-server-core');
  for (const { range, paths } of portions(record)) {
    if ((await pagesFit({ range, paths }, data, context)) === undefined) continue;
    for (const path of paths) {
      const error = await pagesFit({ range, paths: [path] }, data, context);
      if (error === undefined) continue;
      return { name: NAME, status: 'failed', message: `${path} is damaged: ${error.message}` };
    }
  }
  return { name: NAME, status: 'ok', message: `the pages of ${chosen.length} files fit their checksums` };
}

/**
 * Pages 64 to 191 of the system tablespace are the doublewrite buffer, which holds pages of others, old and half ones too
 * (measured: a copy made while a server writes fails there). With pages of another size they lie elsewhere.
 */
function portions({ files, variables }: PhysicalRecord): readonly Portion[] {
  const paths = files.filter(({ path, bytes }) => bytes > 0 && /\.ibd$|^undo\d+$/.test(path)).map(({ path }) => path);
  const found: Portion[] = [];
  for (let at = 0; at < paths.length; at += FILES_AT_ONCE) {
    found.push({ range: [], paths: paths.slice(at, at + FILES_AT_ONCE) });
  }
  if (variables.innodb_page_size !== '16384') return found;
  return [
    ...found,
    { range: ['--end-page=63'], paths: ['ibdata1'] },
    { range: ['--start-page=192'], paths: ['ibdata1'] },
  ];
}

async function pagesFit(
  { range, paths }: Portion,
  data: string,
  { exec, signal, options }: Context,
): Promise<BackupError | undefined> {
  const files = paths.map((path) => join(data, path));
  const [program = '', ...args] = [...onlyReading(), 'innochecksum', ...range, ...files];
  try {
    await exec(program, args, { cwd: '/', timeoutMs: options.timeout, signal });
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BackupError) return error;
    throw error;
  }
}
