// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { Check, RestoreContext, RestoreStep } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { loadedSchema, requireKeys, verifyServer, whenLoaded } from './after-restore.ts';
import type { Connection } from './connection.ts';
import { formatOf, replaceAll, replaceKeys } from './copy-data.ts';
import { findKeys } from './keys.ts';
import { writeKeys } from './keys-file.ts';
import type { Flavoured, RedisOptions } from './options.ts';
import { dataOf, readSaved, type Saved } from './record.ts';
import { saveRdb } from './save-rdb.ts';
import { infoOf, keyspaceOf, versionOf, withServer } from './server.ts';
import { lackFor, withThrowAway } from './throw-away.ts';
import { withLoaded } from './verify.ts';

type Context = Flavoured<RestoreContext<RedisOptions>>;

/** What was there before, in `kept`. */
const BEFORE = { rdb: 'before.rdb', keys: 'before.resp' } as const;

/** Written once all that is replaced is in `kept`; `done` once it has been put back. */
const memo = z.strictObject({
  kind: z.enum(['rdb', 'keys']),
  database: z.int().optional(),
  patterns: z.array(z.string()).optional(),
  /** What was there when all was loaded. */
  loaded: loadedSchema.optional(),
  done: z.boolean(),
});

type Part = Pick<Saved, 'kind' | 'database' | 'patterns'>;

export async function plan(context: Context): Promise<readonly RestoreStep[]> {
  const { flavour } = context;
  if (context.as !== undefined) {
    const advice = 'restore to a directory, and load it into another server (README of the plugin)';
    throw new BackupError('usage', `--as: databases of ${flavour.title} have numbers, no names; ${advice}.`);
  }
  const saved = await readSaved(context.copy, flavour);
  const file = await fileInCopy(context.copy, dataOf(saved, flavour));
  const lack = await lackFor(file, context);
  if (lack !== undefined) throw new BackupError('failed', `A throw-away server is needed to restore: ${lack}.`);
  return withServer(context, async (server) => {
    await requireTarget(server, context);
    return stepsOf(saved, await keysThere(server, saved), { server, context });
  });
}

export async function apply(context: Context): Promise<readonly string[]> {
  const saved = await readSaved(context.copy, context.flavour);
  const file = await fileInCopy(context.copy, dataOf(saved, context.flavour));
  const { kind, database, patterns } = saved;
  await containerIsUp(context);
  await keepData(saved, context);
  // Before anything is replaced it is known that the copy loads.
  await withLoaded(file, saved, context, async (source) => {
    await context.remember({ kind, database, patterns, done: false });
    await replace(source, saved, context);
    const loaded = await withServer(context, (server) => requireKeys(source, server, saved));
    await context.remember({ kind, database, patterns, loaded, done: false });
  });
  return [];
}

/** What runs again. */
export async function proof(context: Context): Promise<readonly Check[]> {
  const { loaded } = memo.partial().parse(context.remembered() ?? {});
  return verifyServer(context, await readSaved(context.copy, context.flavour), loaded);
}

export async function revert(context: Context): Promise<void> {
  const remembered = context.remembered();
  if (remembered === undefined) return;
  const { done, ...part } = memo.parse(remembered);
  if (done) return;
  await containerIsUp(context);
  const kept = { kind: part.kind, ...(part.database === undefined ? {} : { database: part.database }) };
  await withLoaded(join(context.kept, BEFORE[part.kind]), kept, context, (source) => replace(source, part, context));
  // What is written from now on must survive a second call.
  await context.remember({ ...part, done: true });
}

/** Its container was started a moment ago. */
async function containerIsUp(context: Context): Promise<void> {
  if (context.options.container !== undefined) await whenLoaded(context, async () => undefined);
}

/** What there is now is saved as `run` saves it. */
async function keepData(saved: Part, context: Context): Promise<void> {
  const file = join(context.kept, BEFORE[saved.kind]);
  if (saved.kind === 'rdb') return saveRdb(file, context);
  const { database = 0, patterns = [] } = saved;
  await withServer(context, (server) => writeKeys(server, { file, database, patterns }));
}

function replace(source: Connection, { kind, database = 0, patterns = [] }: ReplacedPart, context: Context) {
  return withServer(context, async (server) => {
    const count =
      kind === 'rdb' ? await replaceAll(source, server) : await replaceKeys(source, server, { database, patterns });
    context.log.info(`${server.title}: ${count} keys loaded`);
  });
}

type ReplacedPart = {
  readonly kind: Saved['kind'];
  readonly database?: number | undefined;
  readonly patterns?: readonly string[] | undefined;
};

async function requireTarget(server: Connection, context: Context): Promise<void> {
  const info = await infoOf(server);
  const complaints: string[] = [];
  if (info.get('role') !== 'master') complaints.push('is a replica: restore onto the server that it follows');
  if (info.get('cluster_enabled') === '1')
    complaints.push('is part of a cluster: load the file by hand, on every node');
  if (info.get('loading') === '1') complaints.push('is still loading its data: try again when it is ready');
  const own = await withThrowAway(undefined, context, formatOf);
  if ((await formatOf(server)) < own) {
    const { serverPackage } = context.flavour;
    complaints.push(`(${versionOf(info)}) is older than the package ${serverPackage} here: install the same version`);
  }
  if (complaints.length === 0) return;
  throw new BackupError('failed', complaints.map((complaint) => `${server.title} ${complaint}.`).join('\n'));
}

/** How many keys would be replaced. */
async function keysThere(server: Connection, { kind, database = 0, patterns = [] }: Saved): Promise<number> {
  if (kind === 'rdb') return [...keyspaceOf(await infoOf(server)).values()].reduce((sum, keys) => sum + keys, 0);
  await server.ask('SELECT', String(database));
  return (await findKeys(server, patterns)).keys.length;
}

function stepsOf(
  saved: Saved,
  there: number,
  { server, context }: { readonly server: Connection; readonly context: Context },
): readonly RestoreStep[] {
  const { kind, keys, database, patterns = [] } = saved;
  const which = kind === 'rdb' ? 'all keys' : `keys ${patterns.join(', ')} of database ${database}`;
  const replaced: readonly RestoreStep[] =
    there === 0
      ? []
      : [
          { action: 'keep', what: `${which} of ${server.title} (${there} keys)` },
          { action: 'replace', what: `${there} keys of ${server.title}: they are removed` },
        ];
  const from = dataOf(saved, context.flavour);
  return [
    ...replaced,
    {
      action: 'load',
      what: `${keys ?? 'all'} keys, from ${from} (${saved.version}); those whose time has come are left out`,
    },
    {
      action: 'note',
      what: `${server.title} goes on running; what programs write to it meanwhile is lost or mixed in`,
    },
  ];
}
