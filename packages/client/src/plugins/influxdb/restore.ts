// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import { readBackups } from './backup-content.ts';
import type { InfluxOptions } from './options.ts';
import { serverOf } from './server.ts';

type Context = RestoreContext<InfluxOptions>;

/** Directory of the service in the archive, as the original has it (C52). */
export const DIRECTORY = 'influxdb_backup';

/** What the restore is about to change: one entry for each database, before it is touched. */
const memoSchema = z.object({
  databases: z.array(z.object({ name: z.string(), kept: z.string().optional() })),
});

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
    return moves.flatMap(({ from, to, exists, directory }): RestoreStep[] => [
      ...(exists ? [{ action: 'keep', what: `${to} as it is, in ${context.kept}` } as const] : []),
      { action: exists ? 'replace' : 'create', what: `${to}, from ${from} of ${directory}` },
    ]);
  },

  async apply(context) {
    const server = serverOf(context);
    const databases: { name: string; kept?: string }[] = [];
    const warnings: string[] = [];
    for (const { from, to, exists, directory } of await movesOf(context)) {
      const kept = join(context.kept, `database-${databases.length}`);
      if (exists) {
        await mkdir(kept, { mode: 0o700 });
        await server.backup(kept, to);
      }
      databases.push({ name: to, ...(exists ? { kept } : {}) });
      // On disk before the old one goes.
      await context.remember({ databases });
      if (exists) await server.drop(to);
      await server.restore(join(context.copy, directory), from, to);
      const warning = await server.settle(to);
      if (warning !== undefined) warnings.push(warning);
    }
    return warnings;
  },

  async revert(context) {
    const memo = memoSchema.safeParse(context.remembered());
    if (!memo.success) return;
    const server = serverOf(context);
    for (const { name, kept } of [...memo.data.databases].reverse()) {
      if ((await server.databases()).includes(name)) await server.drop(name);
      if (kept === undefined) continue;
      await server.restore(kept, name, name);
      await server.settle(name);
    }
  },
};
