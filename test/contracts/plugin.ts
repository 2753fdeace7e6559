// SPDX-License-Identifier: AGPL-3.0-or-later

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Memo, Plugin, PluginContext } from '../../packages/client/src/plugin.ts';
import { applyRestore, copyContext, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { copyTrees } from '../helpers/saved-copy.ts';

export interface ContractTask {
  /** As in service.yaml. */
  readonly options: unknown;
  /** `x_cmd` keys of client_config.yml. */
  readonly tools?: Readonly<Record<string, string>>;
  /** All that the task saves or changes, as it is now: compared before and after. */
  readonly stateOfHost: () => unknown;
  /** Loses what was saved, as a broken disk would. Needed where the plugin has `restore`. */
  readonly destroy?: () => unknown;
  /** Damages a copy so that it could not be used. Needed where the plugin has `verify`. */
  readonly damage?: (copy: string) => unknown;
  /** Whether `run` saves nothing itself. */
  readonly savesNothing?: boolean;
}

/** A task that can be done in `directory`, an empty directory that stands for the host. */
export type MakeTask = (directory: string) => ContractTask | Promise<ContractTask>;

/** What the core relies on in every plugin. */
export function pluginContract(plugin: Plugin, make: MakeTask): void {
  describe(`plugin ${plugin.name}`, () => contractOf(plugin, make));
}

function contractOf(plugin: Plugin, make: MakeTask): void {
  let root: string;
  let task: ContractTask;

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'plugin-'));
    for (const name of ['host', 'stage', 'copy', 'scratch', 'kept']) mkdirSync(join(root, name), { mode: 0o700 });
    task = await make(join(root, 'host'));
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const contextWith = (memo?: Memo): PluginContext => {
    const { options, tools = {} } = task;
    const stage = join(root, 'stage');
    return pluginContext(plugin, { options, tools, stage, configDirectory: root, ...(memo ? { memo } : {}) });
  };

  const copied = (facts: Readonly<Record<string, string>>) => {
    const { options, tools = {} } = task;
    return copyContext(plugin, { options, tools, facts, copy: join(root, 'copy'), scratch: emptied('scratch') });
  };

  const restored = (facts: Readonly<Record<string, string>>, memo?: Memo) => {
    const { options, tools = {} } = task;
    const directories = { copy: join(root, 'copy'), scratch: emptied('scratch'), kept: join(root, 'kept') };
    return restoreContext(plugin, { options, tools, facts, ...directories, ...(memo ? { memo } : {}) });
  };

  const emptied = (name: string) => {
    rmSync(join(root, name), { recursive: true, force: true });
    mkdirSync(join(root, name), { mode: 0o700 });
    return join(root, name);
  };

  /** Saves the task, as the core does: the trees and the stage are the copy. */
  const saveCopy = async () => {
    const context = contextWith();
    await plugin.prepare?.(context);
    const { trees = [], facts = {} } = await plugin.run(context);
    const copy = join(root, 'copy');
    copyTrees(trees, copy);
    await plugin.post?.(context);
    execFileSync('cp', ['-a', `${context.stage}/.`, copy]);
    return facts;
  };

  const verifyContract = () => {
    it('finds nothing wrong with what it saved, and something with what is damaged', async () => {
      const facts = await saveCopy();
      const verify = async () => (await plugin.verify?.(copied(facts))) ?? [];
      const checks = await verify();
      expect(checks.length).toBeGreaterThan(0);
      expect(checks.filter(({ status }) => status === 'failed')).toEqual([]);
      await task.damage?.(join(root, 'copy'));
      expect((await verify()).map(({ status }) => status)).toContain('failed');
    });
  };

  const restoreContract = () => {
    it('puts back what was lost, after a plan that changes nothing', async () => {
      const before = await task.stateOfHost();
      const facts = await saveCopy();
      expect(task.destroy, 'the contract needs `destroy`').toBeDefined();
      await task.destroy?.();
      const lost = await task.stateOfHost();
      expect(lost).not.toEqual(before);
      const context = restored(facts);
      expect((await plugin.restore?.plan(context))?.length).toBeGreaterThan(0);
      expect(await task.stateOfHost()).toEqual(lost);
      await applyRestore(plugin, context);
      expect(await task.stateOfHost()).toEqual(before);
    });

    it('reverts to what there was before, from what is on disk, and may be asked twice', async () => {
      const facts = await saveCopy();
      await task.destroy?.();
      const lost = await task.stateOfHost();
      const context = restored(facts);
      await applyRestore(plugin, context);
      const later = restored(facts, JSON.parse(JSON.stringify(context.remembered() ?? null)) ?? undefined);
      await plugin.restore?.revert(later);
      await plugin.restore?.revert(later);
      expect(await task.stateOfHost()).toEqual(lost);
    });
  };

  it('describes every option, and refuses one that it does not know', () => {
    const { properties = {} } = z.toJSONSchema(plugin.options, { io: 'input', unrepresentable: 'any' });
    for (const [key, schema] of Object.entries(properties)) expect(schema, key).toHaveProperty('description');
    expect(plugin.options.safeParse({ ...(task.options as object), no_such_option: 1 }).success).toBe(false);
  });

  it('changes nothing in validate', async () => {
    const before = await task.stateOfHost();
    const context = contextWith();
    await plugin.validate?.(context);
    expect(await task.stateOfHost()).toEqual(before);
    expect(readdirSync(context.stage)).toEqual([]);
    expect(context.remembered()).toBeUndefined();
  });

  it('hands something over in run: files of the stage, or trees', async () => {
    const context = contextWith();
    await plugin.prepare?.(context);
    const { trees = [] } = await plugin.run(context);
    await plugin.post?.(context);
    if (task.savesNothing) expect(trees).toEqual([]);
    else expect(readdirSync(context.stage).length + trees.length).toBeGreaterThan(0);
  });

  it('puts the host back in post, and may be asked twice', async () => {
    const before = await task.stateOfHost();
    const context = contextWith();
    await plugin.prepare?.(context);
    await plugin.post?.(context);
    await plugin.post?.(context);
    expect(await task.stateOfHost()).toEqual(before);
  });

  it('puts the host back from what was on disk when the process was killed', async () => {
    const before = await task.stateOfHost();
    const killed = contextWith();
    await plugin.prepare?.(killed);
    const onDisk = JSON.stringify(killed.remembered() ?? null);
    await plugin.post?.(contextWith(JSON.parse(onDisk) ?? undefined));
    expect(await task.stateOfHost()).toEqual(before);
  });

  it('leaves the host alone in post when prepare has not begun', async () => {
    const before = await task.stateOfHost();
    await plugin.post?.(contextWith());
    expect(await task.stateOfHost()).toEqual(before);
  });

  if (plugin.verify !== undefined) verifyContract();
  if (plugin.restore !== undefined) restoreContract();
}
