// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from '../../packages/client/src/plugin.ts';
import { createExecutablePlugin } from '../../packages/client/src/plugins/executable/index.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import type { Log } from '../../packages/common/src/log.ts';
import { silentLog } from './silent-log.ts';

/** The worked examples of docs/plugins.md. */
export const exampleFile = (name: string): string =>
  fileURLToPath(new URL(`../../docs/examples/plugins/${name}`, import.meta.url));

/** An executable as a plugin. */
export function loadExecutable(file: string, log: Log = silentLog): Promise<Plugin> {
  const exec = createRun({ scrub: (text) => text });
  const io = { exec, log, signal: new AbortController().signal, environment: { LOG_LEVEL: '2' } };
  return createExecutablePlugin(file, basename(file, extname(file)), io);
}

/** A `plugin_dir` with scripts in it. */
export function createPluginDirectory() {
  const root = mkdtempSync(join(tmpdir(), 'plugins-'));
  const directory = join(root, 'plugins');
  mkdirSync(directory, { mode: 0o755 });
  return {
    root,
    directory,
    /** @returns its path */
    add(name: string, text: string, mode = 0o755): string {
      const file = join(directory, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      chmodSync(file, mode);
      return file;
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** A log that remembers what it was told, `level: text`. */
export function hearingLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const at = (level: string) => (text: string) => void lines.push(`${level}: ${text}`);
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  return { log, lines };
}
