// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { sleep } from '@local-backup/common/sleep';
import * as z from 'zod';
import type { Check, RestoreContext } from '../../plugin-copy.ts';
import { untilAnswers } from '../../plugin-tools/until-answers.ts';
import type { Connection } from './connection.ts';
import { findKeys } from './keys.ts';
import type { Flavoured, RedisOptions } from './options.ts';
import type { Saved } from './record.ts';
import { infoOf, keyspaceOf, withServer } from './server.ts';

type Context = Flavoured<RestoreContext<RedisOptions>>;

type Part = { readonly [Key in 'kind' | 'database' | 'patterns']?: Saved[Key] | undefined };

/** How often a server is asked whether it has loaded its data. */
const POLL_MS = 500;

/** What was there once it was loaded, before anything of the service was started. */
export const loadedSchema = z.strictObject({
  /** `run_id` of INFO: another one, another start of the server. */
  run: z.string(),
  /** Keys that no time limit removes. */
  lasting: z.int().min(0),
});

export type Loaded = z.infer<typeof loadedSchema>;

/**
 * Whether the server has all lasting keys of the one that they were copied from; those with a time limit may have gone.
 * @throws BackupError `failed` where it has not
 */
export async function requireKeys(source: Connection, server: Connection, part: Part): Promise<Loaded> {
  const lasting = lastingIn(await infoOf(source));
  const info = await infoOf(server);
  const found = await keysIn(server, info, part);
  if (found >= lasting) return { run: info.get('run_id') ?? '', lasting };
  throw new BackupError(
    'failed',
    `${server.title} holds ${found} keys after ${lasting} were loaded that no time limit removes. Does a program remove ` +
      'them meanwhile? Stop what uses it, and try again. Does `maxmemory` evict them? Raise it.',
  );
}

/**
 * Asks a server that may have just been started, by a `docker` task for example. It reads its data first: many gigabytes take
 * minutes, and are waited for as long as loading may take.
 * @throws BackupError `failed` where it does not answer, or is still loading after that time
 */
export async function whenLoaded<Answer>(
  context: Flavoured<Pick<RestoreContext<RedisOptions>, 'options' | 'exec' | 'tools' | 'signal'>>,
  work: (server: Connection, info: ReadonlyMap<string, string>) => Promise<Answer>,
): Promise<Answer> {
  const { options, signal } = context;
  const ask = () =>
    withServer(context, async (server) => {
      const info = await infoOf(server);
      return info.get('loading') === '1' ? undefined : { answer: await work(server, info) };
    });
  for (const end = Date.now() + options.timeout; Date.now() < end; await sleep(POLL_MS, signal)) {
    const found = await untilAnswers(ask, signal);
    if (found !== undefined) return found.answer;
  }
  throw new BackupError(
    'failed',
    `${context.flavour.title} is still loading its data after \`timeout\`. Raise that, and restore again.`,
  );
}

/** The server answers, and has not lost what was loaded with a restart. How many keys there are is the service's by now. */
export async function verifyServer(
  context: Context,
  part: Part,
  loaded: Loaded = { run: '', lasting: 0 },
): Promise<readonly Check[]> {
  const name = context.flavour.title;
  const { run, lasting } = loaded;
  return whenLoaded(context, async (server, info): Promise<readonly Check[]> => {
    const keys = await keysIn(server, info, part);
    if (keys > 0 || lasting === 0) return [{ name, status: 'ok', message: `it answers, ${keys} keys` }];
    if (run === info.get('run_id')) {
      const message = `it answers, and none of the ${lasting} keys is left. Has the service removed them?`;
      return [{ name, status: 'skipped', message }];
    }
    const message = `it was started anew, and none of the ${lasting} keys is left. Does it save its data to disk (\`save\`)?`;
    return [{ name, status: 'failed', message }];
  });
}

async function keysIn(server: Connection, info: ReadonlyMap<string, string>, { kind, ...part }: Part): Promise<number> {
  if (kind === 'rdb') return [...keyspaceOf(info).values()].reduce((sum, keys) => sum + keys, 0);
  await server.ask('SELECT', String(part.database ?? 0));
  return (await findKeys(server, part.patterns ?? [])).keys.length;
}

/** `db0:keys=5,expires=2,...` */
function lastingIn(info: ReadonlyMap<string, string>): number {
  return [...info].reduce((sum, [name, value]) => {
    const [, keys, expires] = /^keys=(\d+),expires=(\d+)/.exec(value) ?? [];
    return /^db\d+$/.test(name) ? sum + Number(keys ?? 0) - Number(expires ?? 0) : sum;
  }, 0);
}
