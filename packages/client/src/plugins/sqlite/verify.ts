// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { onlyReading } from '../../plugin-tools/throw-away-user.ts';
import { readHeader, sizeComplaint } from './header.ts';
import type { SqliteOptions } from './options.ts';
import { placeOf, readDatabases, type SavedDatabase } from './record.ts';
import { complaintAbout, countRows, NOT_INSTALLED, PROGRAM } from './sqlite3.ts';

type Context = CopyContext<SqliteOptions>;

/** `quick`: beginning and size of every file. `full`: SQLite reads all of it, and the rows are counted. */
export async function verifyCopy(context: Context): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const saved of await readDatabases(context.copy)) {
    const name = showControls(placeOf(saved.path));
    try {
      checks.push({ name, ...(await verifyDatabase(saved, context)) });
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof BackupError)) throw error;
      checks.push({ name, status: 'failed', message: error.message });
    }
  }
  if (checks.length > 0) return checks;
  return [{ name: 'sqlite', status: 'ok', message: 'no database was there to be saved' }];
}

type Verdict = Omit<Check, 'name'>;

async function verifyDatabase(saved: SavedDatabase, context: Context): Promise<Verdict> {
  const file = await fileInCopy(context.copy, placeOf(saved.path));
  const header = await readHeader(file);
  const complaint = header.bytes === saved.bytes ? sizeComplaint(header) : `${header.bytes} of ${saved.bytes} bytes`;
  if (complaint !== undefined) return { status: 'failed', message: `not whole: ${complaint}` };
  if (context.level === 'full') return loadDatabase(file, saved, context);
  return { status: 'ok', message: `${header.bytes} bytes, whole pages` };
}

/** Has SQLite read all of a file that nobody writes to, and counts its rows. */
export async function loadDatabase(file: string, { tables }: SavedDatabase, context: Context): Promise<Verdict> {
  if ((await findProgram(PROGRAM)) === undefined) return { status: 'skipped', message: NOT_INSTALLED };
  const { exec, signal, options } = context;
  const io = { exec, signal, timeoutMs: options.timeout, confined: onlyReading() };
  const complaint = await complaintAbout(file, options.check, io);
  if (complaint !== undefined) return { status: 'failed', message: showControls(complaint) };
  return compareRows(new Map(tables), await countRows(file, io));
}

function compareRows(expected: ReadonlyMap<string, number>, found: ReadonlyMap<string, number>): Verdict {
  const names = new Set([...expected.keys(), ...found.keys()]);
  const differences = [...names]
    .filter((name) => expected.get(name) !== found.get(name))
    .map(
      (name) => `${showControls(name)}: ${found.get(name) ?? 'no'} rows, ${expected.get(name) ?? 'none'} when saved`,
    );
  const rows = [...found.values()].reduce((sum, count) => sum + count, 0);
  if (differences.length === 0) return { status: 'ok', message: `loads, ${found.size} tables, ${rows} rows` };
  return { status: 'failed', message: differences.slice(0, 10).join('; ') };
}
