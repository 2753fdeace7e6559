// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Plugin, TaskResult } from '../../packages/client/src/plugin.ts';
import type { Check, RestoreContext, TaskRestore } from '../../packages/client/src/plugin-copy.ts';
import { postgresql } from '../../packages/client/src/plugins/postgresql/index.ts';
import { createRun, type Run } from '../../packages/common/src/exec.ts';
import { copyContext, pluginContext, restoreContext } from './plugin-context.ts';
import type { PostgresServer } from './postgres.ts';

/** Directories that a task of the plugin is saved into and restored from; the stage is the copy. */
export interface PostgresPlace {
  readonly root: string;
  readonly stage: string;
  readonly validate: (options: object) => Promise<unknown>;
  readonly save: (options: object) => Promise<TaskResult>;
  readonly verify: (options: object, level?: 'quick' | 'full') => Promise<readonly Check[]>;
  readonly restoring: (options: object, as?: string) => RestoreContext;
  readonly restore: TaskRestore;
  readonly remove: () => void;
}

/** @param tools as in client_config.yml, instead of the server's own */
export function makePostgresPlace(
  server: PostgresServer,
  tools: Readonly<Record<string, string>> = server.tools,
): PostgresPlace {
  const plugin: Plugin = postgresql;
  const root = mkdtempSync(join(tmpdir(), 'pg-place-'));
  // The throw-away server is nobody's: it has to get into its scratch directory.
  chmodSync(root, 0o755);
  const fresh = (name: string) => {
    rmSync(join(root, name), { recursive: true, force: true });
    mkdirSync(join(root, name), { mode: 0o700 });
    return join(root, name);
  };
  const stage = fresh('stage');
  const given = (options: object) => ({ options: { host: server.socket, port: server.port, ...options }, tools });
  const exec = rememberingInitdb(server);
  const copied = (options: object) => ({ ...given(options), exec, copy: stage, scratch: fresh('scratch') });
  if (plugin.restore === undefined) throw new Error('no restore');
  return {
    root,
    stage,
    validate: async (options) => plugin.validate?.(pluginContext(plugin, { ...given(options), stage })),
    save: (options) => plugin.run(pluginContext(plugin, { ...given(options), stage })),
    verify: async (options, level = 'full') =>
      (await plugin.verify?.(copyContext(plugin, { ...copied(options), level }))) ?? [],
    restoring: (options, as) =>
      restoreContext(plugin, { ...copied(options), kept: fresh('kept'), ...(as === undefined ? {} : { as }) }),
    restore: plugin.restore,
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** initdb takes a second of a processor: what it has made for the first throw-away server is copied for the others. */
function rememberingInitdb({ socket }: PostgresServer): Run {
  const run = createRun({ scrub: (text) => text });
  const made = join(socket, 'throw-away');
  return async (program, args, options) => {
    const [, data] = /^--pgdata=(.*)/.exec(args[0] ?? '') ?? [];
    if (!program.endsWith('/initdb') || data === undefined) return run(program, args, options);
    if (existsSync(made)) {
      execFileSync('cp', ['-a', '--reflink=auto', made, data]);
      return { exitCode: 0, stdout: '', stderr: '', truncated: false };
    }
    const result = await run(program, args, options);
    execFileSync('cp', ['-a', '--reflink=auto', data, made]);
    return result;
  };
}
