// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import * as z from 'zod';
import { readRecord } from '../../plugin-tools/file-in-copy.ts';
import type { InfluxServer } from './server.ts';

/** Directory of the service in the archive, as the original has it (C52). */
export const DIRECTORY = 'influxdb_backup';

const FILE = 'saved.json';

const database = z.strictObject({
  name: z.string(),
  measurements: z.array(z.string()),
  /** Null: nobody counted them. */
  counts: z
    .array(
      z.strictObject({
        policy: z.string(),
        measurement: z.string(),
        points: z.int().min(0),
        values: z.int().min(0),
      }),
    )
    .nullable(),
});

const record = z.strictObject({
  format: z.literal(1),
  /** Of the server. */
  version: z.string().optional(),
  databases: z.array(database),
});

/** What was in the databases right before they were saved. */
export type Saved = z.infer<typeof record>;
export type SavedDatabase = Saved['databases'][number];

/** Asks a server for what is in its databases. What it does not tell is left out: the data can be saved all the same. */
export async function askContents(
  server: InfluxServer,
  names: readonly string[] | undefined,
  log: Log,
): Promise<Saved> {
  const databases: SavedDatabase[] = [];
  try {
    const version = await server.version();
    for (const name of names ?? (await server.databases())) {
      const measurements = await server.measurements(name);
      if (measurements === undefined) continue;
      const counts = await server.counts(name);
      databases.push({ name, measurements: [...measurements], counts: counts === undefined ? null : [...counts] });
    }
    return { format: 1, ...(version === undefined ? {} : { version }), databases };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    log.info(`The ${server.noun} are saved, but not counted: ${describeError(error)}`);
    return { format: 1, databases };
  }
}

export async function writeSaved(directory: string, saved: Saved): Promise<void> {
  await writeFile(join(directory, FILE), `${JSON.stringify(saved)}\n`, { mode: 0o600, flag: 'wx' });
}

/**
 * @returns undefined: an archive of before there was such a record, or of version 2
 * @throws BackupError `untrusted`
 */
export async function readSaved(copy: string): Promise<Saved | undefined> {
  const relative = `${DIRECTORY}/${FILE}`;
  if ((await lstat(join(copy, relative)).catch(() => undefined)) === undefined) return undefined;
  return readRecord(copy, relative, record);
}

/** Points of every measurement by its full name, `telegraf.cpu`; undefined where nobody counted. */
export function tablesOf({ databases }: Saved): ReadonlyMap<string, number | undefined> {
  const tables = new Map<string, number | undefined>();
  for (const { name, measurements, counts } of databases) {
    for (const measurement of measurements) tables.set(`${name}.${measurement}`, counts === null ? undefined : 0);
    for (const { measurement, points } of counts ?? []) {
      const full = `${name}.${measurement}`;
      tables.set(full, (tables.get(full) ?? 0) + points);
    }
  }
  return tables;
}
