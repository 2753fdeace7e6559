// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stateDump } from '../../packages/client/src/plugins/state-dump/index.ts';
import { readTree } from '../helpers/file-tree.ts';
import { moduleIn } from '../helpers/node-module.ts';
import { pluginContext } from '../helpers/plugin-context.ts';
import { pluginContract } from './plugin.ts';

pluginContract(stateDump, (directory) => {
  const { module, options } = moduleIn(directory, {
    'etc/state-include.conf': 'state/dump.sql\nstate/conf\n',
    'state/conf/a': 'a',
    // The dump is loaded and goes, as in a module.
    'actions/restore-module/20load': '#!/bin/sh\ncat state/dump.sql >loaded && rm state/dump.sql\n',
  });
  return {
    options,
    stateOfHost: () => readTree(join(module, 'state')).filter(({ type }) => type === 'file'),
    destroy: () => rmSync(join(module, 'state/conf'), { recursive: true }),
    damage: (copy) => rmSync(join(copy, 'module/state/environment')),
  };
});

let work: string;
const context = (options: unknown, tools = {}) => pluginContext(stateDump, { options, tools, stage: work });
const treesOf = async (options: unknown, tools = {}) => {
  const { trees = [], warnings } = await stateDump.run(context(options, tools));
  return {
    trees: trees.map(({ into, root, paths, exclude }) => ({ into, root, paths: paths.map(String), exclude })),
    warnings,
  };
};

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'state-dump-'));
});

afterEach(() => rmSync(work, { recursive: true, force: true }));

it('without a list the environment alone is saved: everything else can be had again', async () => {
  const { module, options } = moduleIn(work);
  const { trees } = await treesOf(options);
  expect(trees).toEqual([{ into: 'module', root: module, paths: ['state/environment'], exclude: [] }]);
});

it('both scripts get the id of the backup, in this order', async () => {
  const { module, options } = moduleIn(work);
  const running = context({ ...options, backup_id: '7' });
  await stateDump.prepare?.(running);
  await stateDump.post?.(running);
  expect(readFileSync(join(module, 'calls'), 'utf8')).toBe('dump 7\ncleanup 7\n');
});

it('a dump that fails is told with its words, and cleaned up after all the same', async () => {
  const { module, options } = moduleIn(work, { 'bin/module-dump-state': '#!/bin/sh\necho "no space" >&2; exit 9\n' });
  const running = context(options);
  await expect(stateDump.prepare?.(running)).rejects.toThrow(/no space/);
  await stateDump.post?.(running);
  expect(readFileSync(join(module, 'calls'), 'utf8')).toBe('cleanup 1\n');
});

it('scripts that are missing are none, one that is not executable is told', async () => {
  const { module, options } = moduleIn(work);
  rmSync(join(module, 'bin/module-cleanup-state'));
  chmodSync(join(module, 'bin/module-dump-state'), 0o644);
  const warning = `[WARNING] ${join(module, 'bin/module-dump-state')} is not executable: ignored.`;
  expect(await stateDump.validate?.(context(options))).toEqual([warning]);
  const running = context(options);
  await stateDump.prepare?.(running);
  await stateDump.post?.(running);
  expect(existsSync(join(module, 'calls'))).toBe(false);
});

/** Stands for podman: a volume is a directory of its name. */
function podmanIn(directory: string) {
  const program = join(directory, 'podman');
  const script = `#!/bin/sh\necho "$(id -u) $*" >>'${directory}/podman.calls'\nfor last; do :; done\n[ -d "${directory}/$last" ] || exit 125\necho "${directory}/$last"\n`;
  writeFileSync(program, script, { mode: 0o755 });
  return { docker_cmd: program };
}

it('lists, wildcards, volumes and exclusions mean what they mean in the original', async () => {
  const { module, options } = moduleIn(work, {
    'etc/state-include.conf': '# what counts\nstate/*.sql\nstate/none\nvolumes/data/*.bak\nvolumes/restic-cache/x\n',
    'etc/state-exclude.conf': '*.tmp\nstate/cache/\nvolumes/data/old\n',
    'state/a.sql': 'a',
    'state/b.sql': 'b',
  });
  mkdirSync(join(work, 'samba1-data'));
  for (const name of ['x.bak', 'y.bak', 'z.log']) writeFileSync(join(work, 'samba1-data', name), name);
  const { trees, warnings } = await treesOf(options, podmanIn(work));
  expect(trees).toEqual([
    {
      into: 'module',
      root: module,
      paths: ['state/a.sql', 'state/b.sql', 'state/environment'],
      exclude: ['*.tmp', '/state/cache/'],
    },
    {
      into: 'module_volumes/data',
      root: join(work, 'samba1-data'),
      paths: ['x.bak', 'y.bak'],
      exclude: ['*.tmp', '/old'],
    },
  ]);
  expect(warnings).toEqual(['state/none matches nothing.']);
});

/** Gives a module, and more, to an account that is not root. */
function rootless(module: string, ...more: readonly string[]): void {
  chmodSync(work, 0o777);
  for (const path of [module, join(module, 'state'), dirname(module), ...more]) chownSync(path, 65534, 65534);
}

it('what the owner of a module may not read is not read for it: by links, or by what podman is made to say', async () => {
  const { module } = moduleIn(work, { 'etc/state-include.conf': 'state/link/*\nstate/*/secret\n' }, 'evil1/.config');
  mkdirSync(join(work, 'closed'), { mode: 0o700 });
  writeFileSync(join(work, 'closed/secret'), 'of root', { mode: 0o600 });
  symlinkSync(join(work, 'closed'), join(module, 'state/link'));
  rootless(module);
  const options = { module_dir: module };
  expect(await treesOf(options)).toMatchObject({
    trees: [{ paths: ['state/environment'] }],
    warnings: ['state/link/* matches nothing.', 'state/*/secret matches nothing.'],
  });
  rmSync(join(module, 'etc/state-include.conf'));
  symlinkSync(join(work, 'closed/secret'), join(module, 'etc/state-include.conf'));
  const asked = stateDump.validate?.(context(options));
  await expect(asked).rejects.toThrow(/Permission denied/);
  await expect(asked).rejects.not.toThrow(/of root/);
  rmSync(join(module, 'etc/state-include.conf'));
  writeFileSync(join(module, 'etc/state-include.conf'), 'volumes/closed\n');
  await expect(stateDump.run(context(options, podmanIn(work)))).rejects.toThrow(/closed.*no directory of nobody/);
});

it('scripts that would run as root and that others could change are refused, before the run', async () => {
  const { module, options } = moduleIn(work);
  chmodSync(join(module, 'bin/module-dump-state'), 0o777);
  await expect(stateDump.validate?.(context(options))).rejects.toThrow(/would run as root/);
  await expect(stateDump.prepare?.(context(options))).rejects.toThrow(/would run as root/);
  expect(existsSync(join(module, 'calls'))).toBe(false);
});

it('a module that was removed after a crash has nothing to be cleaned up', async () => {
  const { module, options } = moduleIn(work);
  const running = context(options);
  await stateDump.prepare?.(running);
  rmSync(join(module, 'state/environment'));
  await stateDump.post?.(running);
  expect(readFileSync(join(module, 'calls'), 'utf8')).toBe('dump 1\ncleanup 1\n');
  rmSync(module, { recursive: true });
  await stateDump.post?.(running);
});

it('a pattern that only restic knows leaves nothing out, and is told', async () => {
  const { module, options } = moduleIn(work, { 'etc/state-exclude.conf': '*.tmp\n/\nstate/**/x*\n' });
  const { trees, warnings } = await treesOf(options);
  expect(trees[0]?.exclude).toEqual(['*.tmp']);
  expect(warnings).toEqual([
    expect.stringContaining('the pattern / must name something'),
    expect.stringContaining(`${module}/etc/state-exclude.conf: the pattern state/**/x* must not mix`),
  ]);
});

it('scripts and podman of a rootless module run as its user, and volumes have short names', async () => {
  const { module } = moduleIn(work, { 'etc/state-include.conf': 'volumes/data\n' }, 'dokuwiki1/.config');
  mkdirSync(join(work, 'data'));
  rootless(module, join(work, 'data'));
  writeFileSync(join(module, 'bin/module-dump-state'), '#!/bin/sh\nid -u >state/who\n');
  await stateDump.prepare?.(context({ module_dir: module }));
  expect(readFileSync(join(module, 'state/who'), 'utf8')).toBe('65534\n');
  const { trees } = await treesOf({ module_dir: module }, podmanIn(work));
  expect(trees[1]).toMatchObject({ into: 'module_volumes/data', root: join(work, 'data'), paths: ['.'] });
  expect(readFileSync(join(work, 'podman.calls'), 'utf8')).toMatch(/^65534 volume inspect .* data\n$/);
});

it('lines that lead elsewhere are complaints with their places, before the run', async () => {
  const { module, options } = moduleIn(work, { 'etc/state-include.conf': 'state/a\n/etc/shadow\nstate/../../x\n' });
  const file = join(module, 'etc/state-include.conf');
  const complaints = `${file}:2:1: /etc/shadow does not begin with state/ or volumes/<name>\n${file}:3:1: state/../../x`;
  await expect(stateDump.validate?.(context(options))).rejects.toThrow(complaints);
});

it('a directory that is no module is told before the run', async () => {
  await expect(stateDump.validate?.(context({ module_dir: work }))).rejects.toThrow(/no state\/environment/);
  await expect(stateDump.validate?.(context({ module_dir: join(work, 'none') }))).rejects.toThrow(/is no directory/);
});
