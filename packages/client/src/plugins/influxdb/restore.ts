// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import { untilAnswers } from '../../plugin-tools/until-answers.ts';
import { verifyServer } from './after-restore.ts';
import { readBackups, requireWhole } from './backup-content.ts';
import type { InfluxOptions } from './options.ts';
import { DIRECTORY } from './record.ts';
import { type InfluxServer, isVersionTwo, serverOf } from './server.ts';
import { statementsNote } from './statements.ts';

type Context = RestoreContext<InfluxOptions>;

/** What the restore is about to change: one entry for each database, before it is touched. */
const memoSchema = z.object({
  databases: z.array(
    z.object({
      name: z.string(),
      kept: z.string().optional(),
      /** What a backup does not hold of it. */
      statements: z.array(z.string()),
    }),
  ),
});

type Replaced = z.infer<typeof memoSchema>['databases'][number];

/** A database of the copy, and the name that it gets. */
interface Move {
  /** Directory of its backup, below the copy. */
  readonly directory: string;
  readonly from: string;
  readonly to: string;
  readonly exists: boolean;
}

async function movesOf(context: Context): Promise<readonly Move[]> {
  const backups = await readBackups(context.copy, DIRECTORY);
  const databases = backups.flatMap((backup) =>
    backup.databases.map((from) => ({ from, directory: backup.directory })),
  );
  const server = serverOf(context);
  if (databases.length === 0)
    throw new BackupError('failed', `The copy holds no ${server.noun}: there was none to save.`);
  if (context.as !== undefined && databases.length > 1) {
    throw new BackupError('usage', `The copy holds ${databases.length} ${server.noun}: --as gives one name only.`);
  }
  await server.check();
  const present = await server.databases();
  const moves = databases.map((each) => {
    const to = context.as ?? each.from;
    return { ...each, to, exists: present.includes(to) };
  });
  const taken = moves.find(({ exists }) => exists && context.as !== undefined);
  if (taken !== undefined)
    throw new BackupError('usage', `There is ${taken.to} already: choose another name for --as.`);
  return moves;
}

export const restore: TaskRestore<InfluxOptions> = {
  async plan(context) {
    const moves = await movesOf(context);
    const steps = moves.flatMap(({ from, to, exists, directory }): RestoreStep[] => [
      ...(exists ? [{ action: 'keep', what: `${to} as it is, in ${context.kept}` } as const] : []),
      { action: exists ? 'replace' : 'create', what: `${to}, from ${from} of ${directory}` },
    ]);
    if (!isVersionTwo(context.options) || !moves.some(({ exists }) => exists)) return steps;
    const what = 'buckets get new ids: make tokens and DBRP mappings that are limited to one of them anew';
    return [...steps, { action: 'note', what }];
  },

  async apply(context) {
    const server = serverOf(context);
    await containerIsUp(server, context);
    const databases: Replaced[] = [];
    const warnings: string[] = [];
    const moves = await movesOf(context);
    const statements = moves.some(({ exists }) => exists) ? await server.statements() : new Map<string, string[]>();
    for (const { from, to, exists, directory } of moves) {
      const kept = exists ? await keep(to, databases.length, { server, context }) : {};
      const lost = exists ? [...(statements.get(to) ?? [])] : [];
      databases.push({ name: to, ...kept, statements: lost });
      // On disk before the old one goes.
      await context.remember({ databases });
      if (exists) await server.drop(to);
      await server.restore(join(context.copy, directory), from, to);
      const warning = await server.settle(to);
      if (warning !== undefined) warnings.push(warning);
      warnings.push(...(await server.execute(lost)));
    }
    const hasMade = moves.some(({ exists }) => !exists);
    return hasMade ? [...warnings, ...(await statementsNote(join(context.copy, DIRECTORY)))] : warnings;
  },

  async revert(context) {
    const remembered = context.remembered();
    if (remembered === undefined) return;
    const server = serverOf(context);
    await containerIsUp(server, context);
    const { databases } = memoSchema.parse(remembered);
    for (const replaced of [...databases].reverse()) {
      for (const refused of await putBack(replaced, server)) context.log.warn(refused);
      databases.pop();
      // What is written to it from now on must survive a second call.
      await context.remember({ databases });
    }
  },

  async verify(context) {
    const { databases } = memoSchema.parse(context.remembered() ?? { databases: [] });
    const names = databases.map(({ name }) => name);
    return verifyServer(context, names);
  },
};

/** Its container was started a moment ago. */
async function containerIsUp(server: InfluxServer, { options, signal }: Context): Promise<void> {
  if (options.container !== undefined) await untilAnswers(() => server.databases(), signal);
}

/** Saves a database that is about to be dropped; nothing is dropped for a backup that is not whole. */
async function keep(
  name: string,
  index: number,
  { server, context }: { readonly server: InfluxServer; readonly context: Context },
): Promise<{ readonly kept: string }> {
  const directory = `database-${index}`;
  const kept = join(context.kept, directory);
  await mkdir(kept, { mode: 0o700 });
  await server.backup(kept, name);
  for (const backup of await readBackups(context.kept, directory)) await requireWhole(context.kept, backup);
  return { kept };
}

/** @returns what is said against statements that are refused */
async function putBack({ name, kept, statements }: Replaced, server: InfluxServer): Promise<readonly string[]> {
  if ((await server.databases()).includes(name)) await server.drop(name);
  if (kept === undefined) return [];
  const backups = await readBackups(dirname(kept), basename(kept));
  const isEmpty = backups.every(({ databases }) => !databases.includes(name));
  await server.restore(kept, name, name).catch(async (error: unknown) => {
    // influxd 1.6.7 makes a database without points, and says all the same that it failed.
    if (!(error instanceof BackupError) || !isEmpty || !(await server.databases()).includes(name)) throw error;
  });
  if (!isEmpty) await server.settle(name);
  return server.execute(statements);
}
