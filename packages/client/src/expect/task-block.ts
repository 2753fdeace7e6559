// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Checked, checkConfig } from '@local-backup/common/config/check';
import { type ConfigSource, valueAt } from '@local-backup/common/config/source';
import { type Expectations, expectations } from './options.ts';

/** The block of one task, taken apart. */
export interface TaskBlock {
  /** The file without the `expect` of this task: what the plugin's schema gets to see. */
  readonly rest: ConfigSource;
  /** Undefined where the task expects nothing. */
  readonly expect: Checked<Expectations> | undefined;
}

/** Takes `expect` out of the block of a task: it belongs to the core, and the schemas of the plugins are strict. */
export function splitTaskBlock(source: ConfigSource, key: string): TaskBlock {
  const block = valueAt(source.value, [key]);
  if (typeof block !== 'object' || block === null || Array.isArray(block) || !Object.hasOwn(block, 'expect')) {
    return { rest: source, expect: undefined };
  }
  const { expect: _, ...options } = block as Readonly<Record<string, unknown>>;
  const value = { ...(source.value as object), [key]: options };
  return { rest: { ...source, value }, expect: checkConfig(source, expectations, [key, 'expect']) };
}
