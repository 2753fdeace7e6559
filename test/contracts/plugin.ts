// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Memo, Plugin, PluginContext } from '../../packages/client/src/plugin.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { silentLog } from '../helpers/silent-log.ts';

/** A task that can be done in `directory`, an empty directory that stands for the host. */
export type MakeTask = (directory: string) => { readonly options: unknown; readonly stateOfHost: () => unknown };

/** What the core relies on in every plugin. */
export function pluginContract(plugin: Plugin, make: MakeTask): void {
  let root: string;
  let task: ReturnType<MakeTask>;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'plugin-'));
    mkdirSync(join(root, 'host'));
    mkdirSync(join(root, 'stage'));
    task = make(join(root, 'host'));
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  /** A context as the core makes one; `memo` is what an earlier process has left in the undo journal. */
  function contextWith(memo?: Memo): PluginContext {
    let remembered = memo;
    return {
      service: { name: 'shop', type: 'docker', configDirectory: root },
      options: plugin.options.parse(task.options),
      stage: join(root, 'stage'),
      exec: createRun({ scrub: (text) => text }),
      log: silentLog,
      signal: new AbortController().signal,
      remember: async (value) => {
        remembered = value;
      },
      remembered: () => remembered,
    };
  }

  describe(`plugin ${plugin.name}`, () => {
    it('describes every option, and refuses one that it does not know', () => {
      const { properties = {} } = z.toJSONSchema(plugin.options, { io: 'input', unrepresentable: 'any' });
      for (const [key, schema] of Object.entries(properties)) expect(schema, key).toHaveProperty('description');
      expect(plugin.options.safeParse({ ...(task.options as object), no_such_option: 1 }).success).toBe(false);
    });

    it('changes nothing in validate', async () => {
      const before = task.stateOfHost();
      const context = contextWith();
      await plugin.validate?.(context);
      expect(task.stateOfHost()).toEqual(before);
      expect(readdirSync(context.stage)).toEqual([]);
      expect(context.remembered()).toBeUndefined();
    });

    it('hands something over in run: files of the stage, or trees', async () => {
      const context = contextWith();
      await plugin.prepare?.(context);
      const { trees = [] } = await plugin.run(context);
      await plugin.post?.(context);
      expect(readdirSync(context.stage).length + trees.length).toBeGreaterThan(0);
    });

    it('puts the host back in post, and may be asked twice', async () => {
      const before = task.stateOfHost();
      const context = contextWith();
      await plugin.prepare?.(context);
      await plugin.post?.(context);
      await plugin.post?.(context);
      expect(task.stateOfHost()).toEqual(before);
    });

    it('puts the host back from what was on disk when the process was killed', async () => {
      const before = task.stateOfHost();
      const killed = contextWith();
      await plugin.prepare?.(killed);
      const onDisk = JSON.stringify(killed.remembered() ?? null);
      await plugin.post?.(contextWith(JSON.parse(onDisk) ?? undefined));
      expect(task.stateOfHost()).toEqual(before);
    });

    it('leaves the host alone in post when prepare has not begun', async () => {
      const before = task.stateOfHost();
      await plugin.post?.(contextWith());
      expect(task.stateOfHost()).toEqual(before);
    });
  });
}
