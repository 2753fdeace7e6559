// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPlugins } from '../../packages/client/src/commands/load-plugins.ts';
import { parseService } from '../../packages/client/src/service.ts';
import { toolsOf } from '../../packages/common/src/config/tools.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { createPluginDirectory, exampleFile } from '../helpers/own-plugins.ts';
import { pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { silentLog } from '../helpers/silent-log.ts';

let plugins: ReturnType<typeof createPluginDirectory>;
beforeEach(() => {
  plugins = createPluginDirectory();
});
afterEach(() => plugins.remove());

const exec = createRun({ scrub: (text) => text });
const RUNS = '#!/bin/sh\n[ "$1" = run ] && echo data > file && exit 0\nexit 64\n';

async function load() {
  const places = { pluginDir: plugins.directory, serviceDir: join(plugins.root, 'services'), tools: toolsOf() };
  const { own, warnings, plugins: all } = await loadPlugins(places, { exec, log: silentLog });
  return {
    own: own.map(({ plugin }) => plugin.name),
    problems: own.flatMap(({ problem }) => problem ?? []),
    warnings,
    all,
  };
}

const shellFixture = (name: string) => fileURLToPath(new URL(`../fixtures/shell-plugins/${name}`, import.meta.url));
function addShell(name: string, as = name): void {
  copyFileSync(shellFixture(name), join(plugins.directory, as));
  chmodSync(join(plugins.directory, as), 0o755);
}

describe('the plugin directory', () => {
  it('need not exist', async () => {
    plugins.remove();
    expect(await load()).toMatchObject({ own: [], warnings: [] });
  });

  it('holds executables and plugins of the shell version; what is neither is left alone', async () => {
    plugins.add('etcd', RUNS);
    plugins.add('wiki.py', RUNS);
    plugins.add('not-executable', RUNS, 0o644);
    plugins.add('.hidden', RUNS);
    plugins.add('etcd.bak', RUNS);
    plugins.add('README.md', 'text');
    plugins.add('common_functions.sh', 'plugin_handles_task_type() { :; }');
    plugins.add('lib/deep', RUNS);
    addShell('bookstack.sh');
    expect(await load()).toMatchObject({ own: ['bookstack', 'etcd', 'wiki'], warnings: [] });
  });

  it('the first by name wins, a built-in plugin before all', async () => {
    plugins.add('etcd.py', RUNS);
    plugins.add('etcd.sh', RUNS);
    plugins.add('files.sh', RUNS);
    plugins.add('service', RUNS);
    plugins.add('a b', RUNS);
    addShell('minimal.sh');
    addShell('second_claim.sh');
    const { own, warnings } = await load();
    expect(own).toEqual(['etcd', 'minimal', 'second']);
    expect(warnings).toEqual([
      expect.stringMatching(/a b is not used: a b cannot be the key of a task/),
      expect.stringMatching(/etcd\.sh is not used for `etcd`: .*etcd\.py comes first\.$/),
      expect.stringMatching(/files\.sh is not used for `files`: backup-client has a plugin of that name itself\.$/),
      expect.stringMatching(/second_claim\.sh is not used for `minimal`: .*minimal\.sh comes first\.$/),
      expect.stringMatching(/service is not used: service cannot be the key of a task/),
    ]);
  });

  it('a plugin of the shell version is asked for the tasks of this host', async () => {
    plugins.add(
      'patterns.sh',
      '#!/bin/bash\nplugin_handles_task_type() { [[ "$1" == app_?* ]]; }\nplugin_validate_config() { :; }\nplugin_run_backup() { :; }\n',
    );
    const directory = join(plugins.root, 'services', 'web', 'shop');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'service.yaml'), 'service: {name: shop}\napp_shop: {a: 1}\nother: {}\n', {
      mode: 0o600,
    });
    expect((await load()).own).toEqual(['app_shop']);
  });

  it('one that bash cannot read is told of', async () => {
    plugins.add('broken.sh', '#!/bin/bash\nplugin_handles_task_type() { echo broken; }\nif then\n');
    const { own, warnings } = await load();
    expect(own).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(/broken\.sh is not used: (.|\n)*syntax error/)]);
  });
});

describe('what others could change is not run as root', () => {
  const marker = () => join(plugins.root, 'ran');
  const touches = () => `#!/bin/sh\ntouch ${marker()}\nplugin_handles_task_type() { echo x; }\n`;

  it.each([
    ['a file of somebody else', (file: string) => chownSync(file, 65534, 65534), /thing belongs to user 65534/],
    ['a file that its group can write to', (file: string) => chmodSync(file, 0o775), /thing has mode 0775/],
    ['a directory that others can write to', () => chmodSync(plugins.directory, 0o777), /plugins has mode 0777/],
    ['a directory of somebody else', () => chownSync(plugins.directory, 65534, 65534), /plugins belongs to user 65534/],
  ])('%s: its tasks fail, and say why', async (_, spoil, message) => {
    spoil(plugins.add('thing', touches()));
    const { own, warnings, all } = await load();
    expect(own).toEqual(['thing']);
    expect(warnings).toEqual([expect.stringMatching(message)]);
    const thing = all.find(({ name }) => name === 'thing');
    if (thing === undefined) throw new Error('it is there');
    const context = pluginContext(thing, { options: {}, stage: plugins.root });
    await expect(thing.validate?.(context)).rejects.toThrow(message);
    await expect(thing.run(context)).rejects.toThrow(message);
    // Nor does a recovery take what an earlier run did for undone.
    await expect(thing.post?.(context)).rejects.toThrow(message);
    expect(() => readFileSync(marker())).toThrow('ENOENT');
  });

  it('a link to a file of somebody else', async () => {
    const file = plugins.add('../theirs', touches());
    chownSync(file, 65534, 65534);
    symlinkSync(file, join(plugins.directory, 'thing'));
    expect((await load()).problems).toEqual([expect.stringContaining('theirs belongs to user 65534')]);
  });

  it('a plugin of the shell version', async () => {
    const file = plugins.add('thing.sh', touches());
    chmodSync(file, 0o757);
    const { own, warnings } = await load();
    expect(own).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining('thing.sh is not run, because it would run as root')]);
    expect(() => readFileSync(marker())).toThrow('ENOENT');
  });
});

describe('a service.yaml', () => {
  const file = '/etc/backup/web/shop/service.yaml';

  it('is checked with the schema that the plugin has given, with line and column', async () => {
    copyFileSync(exampleFile('wiki.sh'), join(plugins.directory, 'wiki.sh'));
    const { all } = await load();
    const parse = (block: string) => parseService(`service: {name: shop}\nwiki:\n  ${block}\n`, file, all);
    expect(parse('directory: /srv/wiki').tasks).toMatchObject([{ key: 'wiki', options: { directory: '/srv/wiki' } }]);
    expect(() => parse('directroy: /srv/wiki')).toThrow(/service\.yaml:3:3: wiki\.directroy: unknown key/);
    expect(() => parse('directory: 5')).toThrow(/service\.yaml:3:14: wiki\.directory: must be/);
  });

  it('passes a whole block to a plugin of the shell version, whatever it is', async () => {
    addShell('bookstack.sh');
    const { all } = await load();
    const [task] = parseService('service: {name: a}\nbookstack: {any: [1, {b: c}]}\n', file, all).tasks;
    expect(task).toMatchObject({ key: 'bookstack', options: { any: [1, { b: 'c' }] } });
  });

  it('fails loudly where it names a plugin that does not work', async () => {
    plugins.add('etcd', '#!/bin/sh\necho no licence >&2\nexit 1\n');
    const { all, warnings } = await load();
    expect(warnings).toEqual([expect.stringMatching(/every task `etcd` fails: (.|\n)*no licence/)]);
    const [task] = parseService('service: {name: a}\netcd: {a: 1}\n', file, all).tasks;
    // Nor is a restore done that leaves its data out.
    if (task === undefined) throw new Error('no task');
    const places = { options: {}, copy: plugins.root, scratch: plugins.root, kept: plugins.root };
    const context = restoreContext(task.plugin, places);
    await expect(task.plugin.restore?.plan(context)).rejects.toThrow('no licence');
    await expect(task.plugin.restore?.revert(context)).rejects.toThrow('no licence');
  });
});
