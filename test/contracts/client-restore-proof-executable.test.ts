// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isEarly } from '../../packages/client/src/plugin-order.ts';
import { createPluginDirectory, loadExecutable } from '../helpers/own-plugins.ts';
import { copyContext, restoreContext } from '../helpers/plugin-context.ts';

let plugins: ReturnType<typeof createPluginDirectory>;

beforeEach(() => {
  plugins = createPluginDirectory();
  for (const name of ['copy', 'scratch', 'kept']) mkdirSync(join(plugins.root, name), { mode: 0o700 });
});

afterEach(() => plugins.remove());

const script = (cases: string) =>
  loadExecutable(plugins.add('thing', `#!/bin/sh\ncase $1 in\nrun) : ;;\n${cases}\n*) exit 64 ;;\nesac\n`));

const places = (facts: Readonly<Record<string, string>> = {}) => {
  const [copy, scratch, kept] = ['copy', 'scratch', 'kept'].map((name) => join(plugins.root, name));
  return { options: {}, facts, copy: copy ?? '', scratch: scratch ?? '', kept: kept ?? '' };
};

describe('the stage restore-verify of an executable', () => {
  it('tells what runs again', async () => {
    const plugin = await script(
      `restore-verify) echo '{"check": {"name": "it", "status": "failed", "message": "no"}}' ;;`,
    );
    const checks = await plugin.restore?.verify?.(restoreContext(plugin, places()));
    expect(checks).toEqual([{ name: 'it', status: 'failed', message: 'no' }]);
  });

  it('has looked at nothing where it is missing, and is not tried where it is not listed', async () => {
    const silent = await script('');
    expect(await silent.restore?.verify?.(restoreContext(silent, places()))).toEqual([]);
    const listed = await script(`describe) echo '{"describe": {"stages": ["restore"]}}' ;;\nrestore) : ;;`);
    expect(listed.restore?.verify).toBeUndefined();
  });

  it('fails where it fails', async () => {
    const plugin = await script('restore-verify) echo broken >&2; exit 3 ;;');
    await expect(plugin.restore?.verify?.(restoreContext(plugin, places()))).rejects.toThrow('broken');
  });
});

describe('facts for an executable', () => {
  it('are in a file, and in the environment where they fit into it', async () => {
    const plugin = await script(
      `verify) echo "{\\"check\\": {\\"name\\": \\"$(wc -c < "$BACKUP_FACTS_FILE") $(printf %s "$BACKUP_FACTS" | wc -c)\\", \\"status\\": \\"ok\\"}}" ;;`,
    );
    const sizes = async (facts: Record<string, string>) => {
      const [check] = (await plugin.verify?.(copyContext(plugin, places(facts)))) ?? [];
      return check?.name;
    };
    expect(await sizes({ a: 'b' })).toBe('9 9');
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`key${index}`, 'x'.repeat(1000)]));
    expect(await sizes(many)).toBe(`${JSON.stringify(many).length} 0`);
  });
});

describe('an option called container', () => {
  it('makes a task late only where the executable says that it works in one', async () => {
    const options = { container: 'db' };
    expect(isEarly({ plugin: await script(''), options })).toBe(false);
    const inside = await script(`describe) echo '{"describe": {"takes_container": true}}' ;;`);
    expect(isEarly({ plugin: inside, options })).toBe(true);
  });
});
