// SPDX-License-Identifier: AGPL-3.0-or-later

import { randomBytes } from 'node:crypto';
import type { Memo, Plugin, PluginContext } from '../../packages/client/src/plugin.ts';
import type { CopyContext, RestoreContext } from '../../packages/client/src/plugin-copy.ts';
import { toolsOf } from '../../packages/common/src/config/tools.ts';
import { createRun, type Run } from '../../packages/common/src/exec.ts';
import type { Log } from '../../packages/common/src/log.ts';
import { silentLog } from './silent-log.ts';

/**
 * Another one in each test file: what is left of a service is found by its name, so that several files at the same time
 * would remove each other's snapshots.
 */
export const SERVICE_TYPE = `web-${randomBytes(4).toString('hex')}`;

interface Common {
  /** As in service.yaml. */
  readonly options: unknown;
  /** `x_cmd` keys of client_config.yml. */
  readonly tools?: Readonly<Record<string, string>>;
  readonly exec?: Run;
  readonly log?: Log;
  readonly signal?: AbortSignal;
  readonly configDirectory?: string;
}

/** What the core gives to every stage of a plugin. */
function common(plugin: Plugin, { options, tools = {}, ...given }: Common) {
  return {
    service: { name: 'shop', type: SERVICE_TYPE, configDirectory: given.configDirectory ?? '/nonexistent' },
    options: plugin.options.parse(options),
    exec: given.exec ?? createRun({ scrub: (text) => text }),
    tools: toolsOf(tools),
    log: given.log ?? silentLog,
    signal: given.signal ?? new AbortController().signal,
  };
}

/** The undo journal of one task; `memo` is what an earlier process has left in it. */
function journal(memo: Memo | undefined) {
  let remembered = memo;
  return {
    // As on disk: what is no JSON does not survive.
    remember: async (value: Memo) => {
      remembered = JSON.parse(JSON.stringify(value));
    },
    remembered: () => remembered,
  };
}

/** A context as the core makes one for the stages of a backup. */
export function pluginContext(
  plugin: Plugin,
  given: Common & { readonly stage: string; readonly memo?: Memo },
): PluginContext {
  return { ...common(plugin, given), ...journal(given.memo), stage: given.stage };
}

type Copy = Common & Pick<CopyContext, 'copy' | 'scratch'> & Partial<Pick<CopyContext, 'facts' | 'level'>>;

/** A context as the core makes one for `verify`. */
export function copyContext(plugin: Plugin, given: Copy): CopyContext {
  const { copy, scratch, facts = {}, level = 'quick' } = given;
  return { ...common(plugin, given), copy, scratch, facts, level };
}

/** A context as the core makes one for the parts of a restore. */
export function restoreContext(
  plugin: Plugin,
  given: Copy & { readonly kept: string; readonly as?: string; readonly memo?: Memo },
): RestoreContext {
  return { ...copyContext(plugin, given), ...journal(given.memo), kept: given.kept, as: given.as };
}

/** What the core does, in its order, once a plan was confirmed. Resolves with the warnings. */
export async function applyRestore({ restore }: Plugin, context: RestoreContext): Promise<readonly string[]> {
  await restore?.stop?.(context);
  const warnings = await restore?.apply(context);
  await restore?.start?.(context);
  return warnings ?? [];
}
