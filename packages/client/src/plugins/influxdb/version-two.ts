// SPDX-License-Identifier: AGPL-3.0-or-later
import { readSecretFile } from '@local-backup/common/config/file';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import { call, requirePrograms, withDirectory } from './call.ts';
import type { Asking, InfluxServer } from './server.ts';

const DEFAULT_HOST = 'http://localhost:8086';

const buckets = z.array(z.looseObject({ name: z.string(), type: z.string().optional() }));

/** InfluxDB 2: `influx backup` over its API. The token goes by the environment, never among the arguments. */
export function createVersionTwo(asking: Asking): InfluxServer {
  const { options, tools } = asking;
  const [program = 'influx', ...first] = tools.influx;
  const org = options.org ?? '';
  const ask = async (...words: readonly string[]) => {
    const env = { INFLUX_TOKEN: await tokenOf(asking) };
    const where = ['--host', options.host ?? DEFAULT_HOST, '--org', org];
    const { stdout } = await call(asking, [program, ...first, ...words, ...where], env);
    return stdout;
  };
  const list = async () => {
    const parsed = buckets.safeParse(tryJson(await ask('bucket', 'list', '--json')));
    if (!parsed.success) throw new BackupError('failed', `${program} bucket list gives no list that can be read.`);
    return parsed.data.filter(({ type }) => type !== 'system').map(({ name }) => name);
  };
  return {
    noun: 'buckets',
    check: async () => {
      await requirePrograms(asking, new Map([[program, 'influxdb2-cli of InfluxData']]));
      await list();
    },
    backup: (directory, bucket) =>
      withDirectory(asking, directory, 'out', async (where) => {
        await ask('backup', where, ...(bucket === undefined ? [] : ['--bucket', bucket]));
      }),
    databases: list,
    settle: async () => undefined,
    statements: async () => new Map(),
    measurements: async () => undefined,
    counts: async () => undefined,
    version: async () => undefined,
    execute: async () => [],
    drop: async (bucket) => void (await ask('bucket', 'delete', '--name', bucket)),
    restore: (directory, bucket, as) =>
      withDirectory(asking, directory, 'in', async (where) => {
        await ask('restore', where, '--bucket', bucket, ...(as === bucket ? [] : ['--new-bucket', as]));
      }),
  };
}

async function tokenOf({ options: { token, token_file } }: Asking): Promise<string> {
  return token ?? (await readSecretFile(token_file ?? ''));
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
