// SPDX-License-Identifier: AGPL-3.0-or-later
import { stat } from 'node:fs/promises';
import * as z from 'zod';
import type { PluginContext } from '../../plugin.ts';
import { readState, removeState, type StateFiles, withStateOf } from './state.ts';

const memoSchema = z.object({
  /** The service's backup directory of the run that has begun. */
  stage: z.string(),
  /** Files of `.state` that were there before this task began: another's. */
  others: z.array(z.string()),
  /** Files of `.state` that are this task's; missing until its `prepare` has come to an end. */
  own: z.array(z.string()).optional(),
  /** Their content. */
  state: z.record(z.string(), z.string()),
  done: z.boolean().optional(),
});

/** What the undo journal holds of a task. */
export type ShellMemo = z.infer<typeof memoSchema>;

type Journal = Pick<PluginContext, 'stage' | 'remember' | 'remembered'>;

/** Undefined where nothing has to be undone. */
export function memoOf({ remembered }: Pick<Journal, 'remembered'>): ShellMemo | undefined {
  const memo = remembered();
  return memo === undefined ? undefined : memoSchema.parse(memo);
}

/** On disk before `prepare` begins. */
export async function rememberBegin({ stage, remember }: Journal): Promise<void> {
  await remember({ stage, others: Object.keys(await readState(stage)), state: {} });
}

/** Calls a function; what it has left in `.state` is in the journal afterwards, even if it failed half-way. */
export async function rememberState<Result>(context: Journal, work: () => Promise<Result>): Promise<Result> {
  const before = Object.keys(await readState(context.stage));
  try {
    return await work();
  } finally {
    const memo = memoOf(context);
    const after = await readState(context.stage);
    const added = Object.keys(after).filter((file) => !before.includes(file));
    const own = [...new Set([...(memo?.own ?? []), ...added])];
    if (memo !== undefined) await context.remember({ ...memo, own, state: pick(after, own) });
    // Of a plugin that has nothing to undo: nobody is going to ask for it, and it is not to be in the archive.
    else await removeState(context.stage, own);
  }
}

/** The files of `.state` that are this task's. */
export async function ownFiles(directory: string, { own, others }: ShellMemo): Promise<readonly string[]> {
  const files = Object.keys(await readState(directory));
  return files.filter((file) => own?.includes(file) ?? !others.includes(file));
}

/** Where the run was killed its directory is still there, as a rule; where not, the journal has what matters. */
export async function inBackupDirectory(memo: ShellMemo, work: (directory: string) => Promise<void>): Promise<void> {
  const exists = await stat(memo.stage)
    .then((stats) => stats.isDirectory())
    .catch(() => false);
  await (exists ? work(memo.stage) : withStateOf(memo.state, work));
}

function pick(state: StateFiles, names: readonly string[]): StateFiles {
  return Object.fromEntries(Object.entries(state).filter(([file]) => names.includes(file)));
}
