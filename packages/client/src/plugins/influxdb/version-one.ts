// SPDX-License-Identifier: AGPL-3.0-or-later
import { createConnection } from 'node:net';
import { readSecretFile } from '@local-backup/common/config/file';
import { BackupError } from '@local-backup/common/errors';
import { sleep } from '@local-backup/common/sleep';
import { OWN } from './backup-content.ts';
import { call, requirePrograms, withDirectory } from './call.ts';
import { COUNT_MS, countsOf, measurementsOf, versionOf } from './contents.ts';
import { unlessFull } from './full-disk.ts';
import { type Ask, quoted, seriesOf } from './influxql.ts';
import type { InfluxOptions } from './options.ts';
import type { Asking, InfluxServer } from './server.ts';
import { statementsOf } from './statements.ts';

const DEFAULT_HOST = '127.0.0.1:8088';

/** Asks in InfluxQL; the rows of the answer, as text. */
type Query = (text: string, database?: string) => Promise<readonly string[]>;

/** InfluxDB 1: `influxd backup -portable` over its backup service, questions by `influx`. */
export function createVersionOne(asking: Asking): InfluxServer {
  const { options } = asking;
  const host = options.host ?? DEFAULT_HOST;
  const ask = askOf(asking);
  const askToCount = askWithin(COUNT_MS, asking);
  const query: Query = async (text, database) =>
    (await ask(text, database)).flatMap(({ values }) => values.map(String));
  return {
    noun: 'databases',
    check: async () => {
      await requirePrograms(
        asking,
        new Map([
          ['influxd', 'influxdb'],
          ['influx', 'influxdb-client'],
        ]),
      );
      // influxd itself tries for four minutes before it says so (measured, 1.6.7).
      if (options.container === undefined) await requireListener(host);
      // What is in the container is asked there.
      else await call(asking, ['influxd', 'version']);
    },
    backup: (directory, database) =>
      withDirectory(asking, directory, 'out', async (where) => {
        const only = database === undefined ? [] : ['-database', database];
        const words = ['influxd', 'backup', '-portable', '-host', host, ...only, where] as const;
        await unlessFull(directory, asking.signal, async (signal) => void (await call({ ...asking, signal }, words)));
      }),
    settle: (database) => settle(database, ask, asking.signal),
    statements: () => statementsOf(ask),
    measurements: (database) => measurementsOf(ask, database),
    counts: (database) =>
      countsOf(askToCount, database).catch((error: unknown) => {
        // It took too long, or the answer was too large.
        if (!(error instanceof BackupError)) throw error;
        return undefined;
      }),
    version: () => versionOf(ask),
    execute: async (statements) => {
      const refused: string[] = [];
      for (const statement of statements) {
        await query(statement).catch((error: unknown) => {
          if (!(error instanceof BackupError)) throw error;
          refused.push(`${statement}: ${error.message}`);
        });
      }
      return refused;
    },
    databases: async () => (await query('SHOW DATABASES')).filter((name) => name !== OWN),
    drop: async (database) => void (await query(`DROP DATABASE ${quoted(database)}`)),
    restore: (directory, database, as) =>
      withDirectory(asking, directory, 'in', async (where) => {
        const under = as === database ? [] : ['-newdb', as];
        await call(asking, ['influxd', 'restore', '-portable', '-host', host, '-db', database, ...under, where]);
      }),
  };
}

/** Questions to the API, by the program `influx`. */
function askOf(asking: Asking): Ask {
  const { api } = asking.options;
  return async (text, database) => {
    const [name = '', port = '8086'] = api.split(/:(?=\d+$)/);
    const where = database === undefined ? [] : ['-database', database];
    const args = ['influx', '-host', name, '-port', port, ...where, '-format', 'json', '-execute', text] as const;
    const { stdout } = await call(asking, args, await loginOf(asking));
    return seriesOf(stdout, `InfluxDB at ${api}`);
  };
}

/** Asks as long as all its questions together have taken less than so many milliseconds. */
export function askWithin(limitMs: number, asking: Asking): Ask {
  let left = limitMs;
  return async (text, database) => {
    if (left < 1) throw new BackupError('failed', 'There is no time left to ask that.');
    const begun = performance.now();
    const options: InfluxOptions = { ...asking.options, timeout: Math.min(asking.options.timeout, Math.ceil(left)) };
    try {
      return await askOf({ ...asking, options })(text, database);
    } finally {
      left -= performance.now() - begun;
    }
  };
}

/**
 * influxd ends before what it has restored can be asked: for some moments the shards are disabled, closed, or seem empty (seen
 * with 1.6.7, under load up to a second).
 */
async function settle(database: string, ask: Ask, signal: AbortSignal): Promise<string | undefined> {
  const policies = (await ask(`SHOW RETENTION POLICIES ON ${quoted(database)}`)).flatMap(({ values }) => values);
  const places = policies.map(([policy]) => `${quoted(database)}.${quoted(String(policy))}./.*/`).join(', ');
  for (let attempt = 1; ; attempt += 1) {
    const series = await ask(`SELECT * FROM ${places} LIMIT 1`).catch((error: unknown) => {
      const isEarly = error instanceof BackupError && /shard is disabled|engine is closed/.test(error.message);
      if (!isEarly || attempt >= 120) throw error;
      return undefined;
    });
    if (series !== undefined && series.length > 0) return undefined;
    if (series !== undefined && attempt >= 20) return `${database} is back, but holds no points.`;
    await sleep(500, signal);
  }
}

async function loginOf({ options: { credentials_file } }: Asking): Promise<Record<string, string>> {
  if (credentials_file === undefined) return {};
  const [user = '', ...rest] = (await readSecretFile(credentials_file)).split(':');
  return { INFLUX_USERNAME: user, INFLUX_PASSWORD: rest.join(':') };
}

/** A server that is there answers at once; an address that swallows everything is given up after this. */
const CONNECT_MS = 10_000;

async function requireListener(address: string): Promise<void> {
  const [host = '', port = ''] = address.split(/:(?=\d+$)/);
  const socket = createConnection({ host, port: Number(port || '8088') });
  const problem = await new Promise<string | undefined>((settle) => {
    socket.setTimeout(CONNECT_MS, () => settle('it does not answer'));
    socket.once('connect', () => settle(undefined)).once('error', ({ message }) => settle(message));
  });
  socket.destroy();
  if (problem === undefined) return;
  throw new BackupError(
    'failed',
    `The backup service of InfluxDB at ${address} cannot be reached: ${problem}. Is influxdb running, and is that the ` +
      '`bind-address` of its influxdb.conf? Correct `host` otherwise.',
  );
}
