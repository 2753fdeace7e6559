// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { type BackupContent, problemsOf, readBackups } from './backup-content.ts';
import { type Count, countsOf, measurementsOf } from './contents.ts';
import type { Ask } from './influxql.ts';
import type { InfluxOptions } from './options.ts';
import { DIRECTORY, readSaved, type Saved, type SavedDatabase } from './record.ts';
import { findGround, type Ground, withThrowAway } from './throw-away.ts';

type Context = CopyContext<InfluxOptions>;

/** How many differences a message names. */
const NAMED = 10;

/** `quick`: files are there and whole. `full`: a throw-away server opens those of version 1, and counts what is in them. */
export async function verify(context: Context): Promise<readonly Check[]> {
  try {
    const backups = await readBackups(context.copy, DIRECTORY);
    const checks: Check[] = [];
    for (const backup of backups) checks.push(await lookAt(context.copy, backup));
    if (context.level === 'quick' || checks.some(({ status }) => status === 'failed')) return checks;
    return [...checks, ...(await loadAll(backups, context))];
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return [{ name: DIRECTORY, status: 'failed', message: describeError(error) }];
  }
}

async function lookAt(copy: string, backup: BackupContent): Promise<Check> {
  const { directory, files, databases } = backup;
  const found = await problemsOf(copy, backup);
  const whole = `${files.length} files of ${databases.join(', ') || 'no database: none holds any points'} are whole`;
  const message = found.length > 0 ? found.slice(0, NAMED).join('; ') : whole;
  return { name: directory, status: found.length > 0 ? 'failed' : 'ok', message };
}

async function loadAll(backups: readonly BackupContent[], context: Context): Promise<readonly Check[]> {
  const saved = await readSaved(context.copy);
  const ground = await findGround(context);
  const checks: Check[] = [];
  for (const backup of backups) checks.push(...(await load(backup, { ground, saved, context })));
  return checks;
}

interface Loading {
  readonly ground: Ground;
  readonly saved: Saved | undefined;
  readonly context: Context;
}

async function load(backup: BackupContent, { ground, saved, context }: Loading): Promise<readonly Check[]> {
  const name = `${backup.directory}: loading`;
  if (backup.meta === undefined) {
    const message = 'of version 2 no throw-away server is made: its files were read to their end, not loaded';
    return [{ name, status: 'skipped', message }];
  }
  if ('lacks' in ground) return [{ name, status: 'skipped', message: ground.lacks }];
  try {
    return await withThrowAway({ backup, before: ground.before }, context, async (ask) => {
      const checks: Check[] = [];
      for (const database of backup.databases) checks.push(await compare(database, saved, ask));
      return checks;
    });
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return [{ name, status: 'failed', message: describeError(error) }];
  }
}

async function compare(database: string, saved: Saved | undefined, ask: Ask): Promise<Check> {
  const name = `${showControls(database)}: points`;
  const expected = saved?.databases.find((one) => one.name === database);
  const measurements = await measurementsOf(ask, database);
  const absent = (expected?.measurements ?? []).filter((measurement) => !measurements.includes(measurement));
  if (absent.length > 0) {
    const message = `${absent.length} measurements are missing: ${absent.slice(0, NAMED).map(showControls).join(', ')}`;
    return { name, status: 'failed', message };
  }
  const found = expected?.counts === null ? undefined : await countsOf(ask, database);
  if (found !== undefined) return judge(name, found, expected);
  const message = `loads, with all ${measurements.length} measurements; their points are not counted: too many series, or too little time`;
  return { name, status: 'ok', message };
}

/** A server drops whole shards, every hour where a policy is short. */
const DROPPED =
  'Has their retention policy dropped them between counting and saving? If the next copy is like that, it is not whole.';

/** More than there were is right: they were counted before they were saved, and the server went on. */
function judge(name: string, found: readonly Count[], expected: SavedDatabase | undefined): Check {
  const key = ({ policy, measurement }: Count) => JSON.stringify([policy, measurement]);
  const byKey = new Map(found.map((count) => [key(count), count]));
  const fewer = (expected?.counts ?? []).flatMap((count) => {
    const values = byKey.get(key(count))?.values ?? 0;
    const place = `${showControls(count.policy)}.${showControls(count.measurement)}`;
    return values < count.values ? [`${place}: ${values} values, ${count.values} when it was saved`] : [];
  });
  if (fewer.length > 0) return { name, status: 'failed', message: `${fewer.slice(0, NAMED).join('; ')}. ${DROPPED}` };
  const points = found.reduce((sum, count) => sum + count.points, 0);
  const uncounted = expected === undefined ? ' (nobody counted them when it was saved)' : '';
  return { name, status: 'ok', message: `loads, ${points} points in ${found.length} measurements${uncounted}` };
}
