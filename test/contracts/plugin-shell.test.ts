// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Memo } from '../../packages/client/src/plugin.ts';
import { createShellPluginLab, makeYamlReader } from '../helpers/shell-plugin-lab.ts';

let yaml: Awaited<ReturnType<typeof makeYamlReader>>;
let lab: ReturnType<typeof createShellPluginLab>;

beforeAll(async () => {
  yaml = await makeYamlReader();
});
afterAll(() => yaml.remove());
beforeEach(() => {
  lab = createShellPluginLab(yaml.command);
});
afterEach(() => lab.remove());

describe('discovery', () => {
  it('tells the two ways of writing a plugin apart', async () => {
    const types = async (name: string, keys: readonly string[] = []) => {
      const { api, types: claimed } = await lab.probe(name, keys);
      return [api, ...claimed];
    };
    expect(await types('bookstack.sh')).toEqual([2, 'bookstack']);
    expect(await types('mailstore.sh', ['files', 'mailstore'])).toEqual([3, 'mailstore', 'maildir']);
    expect(await types('minimal.sh')).toEqual([3, 'minimal']);
    expect(await types('three.sh')).toEqual([3, 'three']);
  });

  it('says what a plugin without plugin_run_backup lacks', async () => {
    const plugin = await lab.load('no_run.sh');
    await expect(plugin.validate?.(lab.contextFor(plugin, {}).context)).rejects.toThrow(
      'Required function plugin_run_backup not found',
    );
  });
});

describe('a plugin after the developer guide', () => {
  const options = () => ({ app_dir: lab.at('app') });

  it('runs through its stages, and leaves no state in the archive', async () => {
    const plugin = await lab.load('bookstack.sh');
    const { context, lines } = lab.contextFor(plugin, options());
    await plugin.validate?.(context);
    expect(readdirSync(lab.at('stage'))).toEqual([]);
    await plugin.prepare?.(context);
    expect(existsSync(lab.at('app', 'online'))).toBe(false);
    expect(await plugin.run(context)).toEqual({ warnings: [] });
    await plugin.post?.(context);
    await plugin.post?.(context);
    expect(existsSync(lab.at('app', 'online'))).toBe(true);
    expect(lab.saved('bookstack/uploads/picture')).toBe('pixels');
    expect(readdirSync(lab.at('stage'))).toEqual(['bookstack']);
    expect(lines).toContain('info: Putting BookStack into maintenance...');
    expect(lines.join('\n')).not.toContain('Emergency');
  });

  it('is refused with what it says itself', async () => {
    const plugin = await lab.load('bookstack.sh');
    const { context } = lab.contextFor(plugin, { app_dir: '/nonexistent' });
    await expect(plugin.validate?.(context)).rejects.toThrow(
      /^bookstack\.sh: plugin_validate_config: bash failed with exit code 1\.\n {2}ERROR: Directory '\/nonexistent' does/,
    );
  });

  it.each(['with', 'without'])(
    'is put back by its emergency cleanup after a kill, %s the directory of that run',
    async (how) => {
      const killed = await lab.load('bookstack.sh');
      const { context } = lab.contextFor(killed, options());
      await killed.prepare?.(context);
      const memo: Memo = JSON.parse(JSON.stringify(context.remembered()));
      if (how === 'without') rmSync(lab.at('stage'), { recursive: true });
      const plugin = await lab.load('bookstack.sh');
      const later = lab.contextFor(plugin, options(), memo);
      await plugin.post?.(later.context);
      expect(existsSync(lab.at('app', 'online'))).toBe(true);
      expect(later.lines.join('\n')).toContain('Emergency cleanup: ending the maintenance');
    },
  );

  it('is put back by its emergency cleanup when its run has failed', async () => {
    const plugin = await lab.load('bookstack.sh');
    rmSync(lab.at('app', 'uploads'), { recursive: true });
    const { context, lines } = lab.contextFor(plugin, options());
    await plugin.prepare?.(context);
    // `set -e` counts: what the copy said is not lost.
    await expect(plugin.run(context)).rejects.toThrow('plugin_run_backup');
    await plugin.post?.(context);
    expect(existsSync(lab.at('app', 'online'))).toBe(true);
    expect(lines.join('\n')).toContain('Emergency cleanup');
  });

  it('keeps what has to be undone where the emergency cleanup could not do it', async () => {
    const plugin = await lab.load('bookstack.sh');
    const { context } = lab.contextFor(plugin, options());
    await plugin.prepare?.(context);
    rmSync(lab.at('app'), { recursive: true });
    await expect(plugin.post?.(context)).rejects.toThrow('left bookstack_down in .state');
    mkdirSync(lab.at('app'));
    await plugin.post?.(context);
    expect(existsSync(lab.at('app', 'online'))).toBe(true);
  });
});

describe('a plugin in the way of the code', () => {
  it('reads lists with $YQ_CMD though there is no yq, and gets three arguments', async () => {
    const plugin = await lab.load('mailstore.sh');
    writeFileSync(lab.at('config', 'service.yaml'), 'service: {}');
    writeFileSync(lab.at('app', 'uploads', 'x.tmp'), '');
    const paths = [lab.at('app', 'uploads'), lab.at('not there')];
    const { context } = lab.contextFor(plugin, { paths, exclude: ['*.tmp'], owner: 'Ann "A"', limits: { mb: 5 } });
    await plugin.validate?.(context);
    const { warnings } = await plugin.run(context);
    expect(warnings).toEqual([expect.stringContaining('not there')]);
    expect(readdirSync(lab.at('stage', 'data')).sort()).toEqual(['owner', 'service.yaml', 'uploads']);
    expect(readdirSync(lab.at('stage', 'data', 'uploads'))).toEqual(['picture']);
    expect(lab.saved('data/owner')).toBe('Ann "A" 5\n');
    expect(readdirSync(lab.at('stage'))).toEqual(['data']);
  });

  it('needs no more than three functions', async () => {
    const plugin = await lab.load('minimal.sh');
    const { context } = lab.contextFor(plugin, {});
    await plugin.validate?.(context);
    await plugin.prepare?.(context);
    await plugin.run(context);
    await plugin.post?.(context);
    expect(lab.saved('minimal.txt')).toBe('saved\n');
    expect(context.remembered()).toBeUndefined();
  });

  it('PLUGIN_API counts before the probe', async () => {
    const plugin = await lab.load('three.sh');
    const { context } = lab.contextFor(plugin, {});
    await plugin.validate?.(context);
    await plugin.run(context);
    expect(lab.saved('three.txt')).toBe(`3\n${lab.at('config')}\n`);
  });
});

describe('warnings', () => {
  it('are heard however much is printed beside, and are bounded themselves', async () => {
    const run = (text: string) => `plugin_handles_task_type() { echo own; }
plugin_validate_config() { :; }
plugin_run_backup() { echo x > "$2/out"; ${text}; }\n`;
    writeFileSync(lab.at('own.sh'), run('yes | head -n 5000; log_warn "one table was left out"'));
    const plugin = await lab.loadFile(lab.at('own.sh'));
    const { context, lines } = lab.contextFor(plugin, {});
    expect((await plugin.run(context)).warnings).toEqual(['one table was left out']);
    expect(lines.at(-1)).toBe('info: ... and 3000 more lines.');
    rmSync(lab.at('stage'), { recursive: true });
    mkdirSync(lab.at('stage'));
    writeFileSync(lab.at('own.sh'), run('yes "ERROR: x" | head -n 500 >&2'));
    const { warnings = [] } = await (await lab.loadFile(lab.at('own.sh'))).run(context);
    expect([warnings.length, warnings.at(-1)]).toEqual([101, '... and 400 more warnings and errors.']);
  });
});

describe('state that a plugin forgets to remove', () => {
  const head = 'plugin_handles_task_type() { echo own; }\nplugin_validate_config() { :; }\n';
  const leave = 'mkdir -p "$2/.state/deep"; echo x > "$2/.state/deep/left"; ';

  it.each([
    ['in prepare', `plugin_prepare_backup() { ${leave} }\nplugin_run_backup() { echo x > "$2/out"; }\n`],
    ['in run', `plugin_run_backup() { ${leave} echo x > "$2/out"; }\n`],
  ])('%s is not in the archive', async (_, functions) => {
    writeFileSync(lab.at('own.sh'), head + functions);
    const plugin = await lab.loadFile(lab.at('own.sh'));
    const { context } = lab.contextFor(plugin, {});
    await plugin.prepare?.(context);
    await plugin.run(context);
    await plugin.post?.(context);
    expect(readdirSync(lab.at('stage'))).toEqual(['out']);
  });
});
