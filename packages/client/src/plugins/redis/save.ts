// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { PluginContext, TaskResult } from '../../plugin.ts';
import { writeKeys } from './keys-file.ts';
import type { Flavoured, RedisOptions } from './options.ts';
import { KEYS, RDB, type Saved, writeSaved } from './record.ts';
import { requireClient, saveRdb } from './save-rdb.ts';
import { firstProgram, infoOf, keyspaceOf, versionOf, withServer } from './server.ts';

type Context = Flavoured<PluginContext<RedisOptions>>;

/** Reading a file through takes about as long as loading it. */
const CHECK_LIMIT = '`timeout` of the task';

/** @throws BackupError where a run could not succeed */
export async function validate(context: Context): Promise<readonly string[]> {
  const { keys, method, container } = context.options;
  if (keys === undefined && method === 'rdb' && container === undefined) await requireClient(context);
  await withServer(context, async (server) => {
    const info = await infoOf(server);
    if (info.get('loading') !== '1') return;
    throw new BackupError('failed', `${server.title} is still loading its data. Try again when it is ready.`);
  });
  return [];
}

export async function save(context: Context): Promise<TaskResult> {
  const directory = join(context.stage, context.flavour.name);
  await mkdir(directory, { mode: 0o700 });
  const info = await withServer(context, infoOf);
  const version = versionOf(info);
  const { keys: patterns } = context.options;
  const saved =
    patterns === undefined
      ? await saveAll(directory, version, context)
      : await saveKeys(directory, version, { context, patterns });
  await writeSaved(directory, saved);
  const facts = { engine: `${context.flavour.name} ${version}`, keys: String(saved.keys ?? 'not counted') };
  return { facts, tables: tablesOf(saved, info) };
}

async function saveAll(directory: string, version: string, context: Context): Promise<Saved> {
  const file = join(directory, RDB);
  await saveRdb(file, context);
  try {
    return { format: 1, kind: 'rdb', version, keys: await countKeys(file, context) };
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

async function saveKeys(
  directory: string,
  version: string,
  { context, patterns }: { readonly context: Context; readonly patterns: readonly string[] },
): Promise<Saved> {
  const { database, allow_missing } = context.options;
  const file = join(directory, KEYS);
  const { keys, missing } = await withServer(context, (server) => writeKeys(server, { file, database, patterns }));
  if (missing.length > 0 && !allow_missing) {
    await rm(file);
    const list = missing.map(showControls).join(', ');
    throw new BackupError(
      'failed',
      `No key of database ${database} matches ${list}. Correct \`keys\`, or set \`allow_missing: true\` if that may be so.`,
    );
  }
  return { format: 1, kind: 'keys', version, keys, database, patterns: [...patterns] };
}

/**
 * Has the file read through, every value of it.
 * @returns its keys, or null where the checker is not there, or older than the server
 * @throws BackupError `failed` where the file is damaged
 */
async function countKeys(file: string, { exec, options, signal, flavour }: Context): Promise<number | null> {
  const checker = await firstProgram(flavour.checker);
  if (checker === undefined) return null;
  const limits = { timeoutMs: options.timeout, limitedBy: CHECK_LIMIT, signal };
  const { exitCode, stdout } = await exec(checker, [file], { ...limits, accept: [0, 1] });
  const keys = /^\[info\] (\d+) keys read/m.exec(stdout)?.[1];
  if (exitCode === 0 && keys !== undefined) return Number(keys);
  if (/can't handle RDB format version|Wrong signature/i.test(stdout)) return null;
  const said = stdout.trim().split('\n').slice(-3).map(showControls).join('; ');
  throw new BackupError('failed', `${checker} refuses the RDB file that the server gave: ${said}`);
}

/** Keys as rows, of databases as tables: `db0`. */
function tablesOf({ kind, keys, database }: Saved, info: ReadonlyMap<string, string>): ReadonlyMap<string, number> {
  if (kind === 'keys') return new Map([[`db${database}`, keys ?? 0]]);
  return new Map([...keyspaceOf(info)].map(([number, count]) => [`db${number}`, count]));
}
