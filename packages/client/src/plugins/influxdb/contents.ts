// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { type Ask, quoted } from './influxql.ts';

/** How long counting all databases of a task may take, in milliseconds: the server reads all data for that. */
export const COUNT_MS = 60_000;

/**
 * A server opens a cursor for every field of every series that is counted, some kilobytes each: above this number of
 * series nothing is counted.
 */
const MOST_SERIES = 10_000;

/** Points of a measurement in a retention policy. */
export interface Count {
  readonly policy: string;
  readonly measurement: string;
  /** Of the field that has most of them. */
  readonly points: number;
  /** Of all fields together. */
  readonly values: number;
}

/** Names of measurements, sorted. */
export async function measurementsOf(ask: Ask, database: string): Promise<readonly string[]> {
  const series = await ask(`SHOW MEASUREMENTS ON ${quoted(database)}`);
  return series.flatMap(({ values }) => values.map(([name]) => String(name))).sort();
}

/** Points of every measurement, for which all data are read; undefined where there are too many series for that. */
export async function countsOf(ask: Ask, database: string): Promise<readonly Count[] | undefined> {
  const cardinality = await ask(`SHOW SERIES CARDINALITY ON ${quoted(database)}`);
  const series = Number(cardinality[0]?.values[0]?.[0] ?? 0);
  return series > MOST_SERIES ? undefined : countAll(ask, database);
}

async function countAll(ask: Ask, database: string): Promise<readonly Count[]> {
  const counts: Count[] = [];
  for (const policy of await policiesOf(ask, database)) {
    const found = await ask(`SELECT COUNT(*) FROM ${quoted(database)}.${quoted(policy)}./.*/`);
    for (const { name: measurement = '', values } of found) {
      const [, ...fields] = (values[0] ?? []).map(Number);
      counts.push({
        policy,
        measurement,
        points: fields.reduce((most, count) => Math.max(most, count), 0),
        values: fields.reduce((sum, count) => sum + count, 0),
      });
    }
  }
  return counts;
}

async function policiesOf(ask: Ask, database: string): Promise<readonly string[]> {
  const series = await ask(`SHOW RETENTION POLICIES ON ${quoted(database)}`);
  return series.flatMap(({ values }) => values.map(([policy]) => String(policy)));
}

/** Of the server itself; undefined where only an admin is told. */
export async function versionOf(ask: Ask): Promise<string | undefined> {
  const series = await ask('SHOW DIAGNOSTICS').catch((error: unknown) => {
    if (!(error instanceof BackupError)) throw error;
    return [];
  });
  const build = series.find(({ name }) => name === 'build');
  const version = build?.values[0]?.[build.columns.indexOf('Version')];
  return typeof version === 'string' ? version : undefined;
}
