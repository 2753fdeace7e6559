// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Memo, Plugin } from '../../packages/client/src/plugin.ts';
import { createShellPlugin } from '../../packages/client/src/plugins/shell-plugin/index.ts';
import { type Probed, probeShellPlugin } from '../../packages/client/src/plugins/shell-plugin/probe.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { bundle } from './bundle.ts';
import { hearingLog } from './own-plugins.ts';
import { pluginContext } from './plugin-context.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/shell-plugins/${name}`, import.meta.url));

/** What `backup-client plugin yaml` does, as a program of its own. */
export async function makeYamlReader(): Promise<{ readonly command: readonly string[]; readonly remove: () => void }> {
  const directory = mkdtempSync(join(tmpdir(), 'shell-'));
  const source = `import { pluginYaml } from './packages/client/src/commands/plugin-yaml.ts';
    pluginYaml(process.argv.slice(2), (text) => process.stdout.write(text)).catch((error) => {
      console.error(error.message);
      process.exitCode = error.code === 'usage' ? 2 : 1;
    });`;
  const file = join(directory, 'yaml.mjs');
  await bundle(source, file);
  return { command: [process.execPath, file], remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** A host with one service, that plugins of the shell version are called for. */
export function createShellPluginLab(yamlReader: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), 'shell-'));
  const at = (...names: string[]) => join(root, ...names);
  for (const name of ['stage', 'app', 'config']) mkdirSync(at(name), { mode: 0o700 });
  mkdirSync(at('app', 'uploads'));
  writeFileSync(at('app', 'uploads', 'picture'), 'pixels');
  writeFileSync(at('app', 'online'), '');
  const io = {
    exec: createRun({ scrub: (text) => text }),
    signal: new AbortController().signal,
    environment: { LOG_LEVEL: '2', DRY_RUN: 'false', dry_run: '0', DOCKER_CMD: 'docker compose' },
    yamlReader,
    yq: 'no-yq-here',
  };
  return {
    at,
    /** The plugin in a file, for its first task. */
    async loadFile(file: string): Promise<Plugin> {
      const probed = await probeShellPlugin(file, [], io);
      return createShellPlugin(probed, probed.types[0] ?? 'none', io);
    },
    load(name: string): Promise<Plugin> {
      return this.loadFile(fixture(name));
    },
    probe: (name: string, keys: readonly string[] = []): Promise<Probed> => probeShellPlugin(fixture(name), keys, io),
    contextFor(plugin: Plugin, options: unknown, memo?: Memo) {
      const { log, lines } = hearingLog();
      const given = { options, log, stage: at('stage'), configDirectory: at('config') };
      return { lines, context: pluginContext(plugin, { ...given, ...(memo ? { memo } : {}) }) };
    },
    saved: (name: string): string => readFileSync(at('stage', name), 'utf8'),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
