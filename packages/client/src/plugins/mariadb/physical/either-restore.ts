// SPDX-License-Identifier: AGPL-3.0-or-later
import type { RestoreContext, TaskRestore } from '../../../plugin-copy.ts';
import type { DatabaseOptions } from '../options.ts';

type Restore = TaskRestore<DatabaseOptions>;

/** The way that a task is put back is chosen by its options, in each part of a restore. */
export function eitherRestore(dumps: Restore, physical: Restore): Restore {
  const chosen = ({ options }: RestoreContext<DatabaseOptions>) => (options.physical ? physical : dumps);
  return {
    plan: (context) => chosen(context).plan(context),
    stop: async (context) => chosen(context).stop?.(context),
    apply: (context) => chosen(context).apply(context),
    revert: (context) => chosen(context).revert(context),
    start: async (context) => chosen(context).start?.(context),
    verify: async (context) => (await chosen(context).verify?.(context)) ?? [],
  };
}
