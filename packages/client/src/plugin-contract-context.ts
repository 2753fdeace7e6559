// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tools } from '@local-backup/common/config/tools';
import type { Run } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import type { Memo, PluginContext } from './plugin.ts';
import type { RestoreContext } from './plugin-copy.ts';

export interface ContractIo {
  readonly exec: Run;
  readonly tools: Tools;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** An empty directory with a short path. */
  readonly directory: string;
  readonly configDirectory: string;
  /** Of the task, checked by the plugin's schema. */
  readonly options: unknown;
}

/** The undo journal of one task; what is no JSON does not survive, as on disk. */
function journalWith(memo: Memo | undefined) {
  let remembered = memo;
  return {
    remember: async (value: Memo) => {
      remembered = JSON.parse(JSON.stringify(value));
    },
    remembered: () => remembered,
  };
}

function common({ exec, tools, log, signal, options, configDirectory }: ContractIo) {
  return { service: { name: 'test', type: 'plugin-test', configDirectory }, ...{ exec, tools, log, signal, options } };
}

/** A context of a backup, with a stage of its own. */
export async function saveContextIn(
  io: ContractIo,
  name: string,
  memo?: Memo,
): Promise<{ readonly context: PluginContext; readonly stage: string }> {
  const stage = join(io.directory, name);
  await mkdir(stage, { recursive: true, mode: 0o700 });
  return { stage, context: { ...common(io), ...journalWith(memo), stage } };
}

/** A context for looking at `copy`, and for a restore from it. */
export async function copyContextIn(io: ContractIo, facts: Readonly<Record<string, string>>): Promise<RestoreContext> {
  const places = { scratch: join(io.directory, 's'), kept: join(io.directory, 'kept') };
  for (const place of Object.values(places)) {
    await rm(place, { recursive: true, force: true });
    await mkdir(place, { mode: 0o700 });
  }
  const copy = join(io.directory, 'copy');
  return { ...common(io), ...journalWith(undefined), ...places, copy, facts, level: 'full', as: undefined };
}
