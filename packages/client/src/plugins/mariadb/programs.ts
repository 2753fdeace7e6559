// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { findProgram, searchPathOf } from '@local-backup/common/find-program';
import type { PluginContext } from '../../plugin.ts';
import { inContainer } from '../../plugin-tools/container.ts';
import type { Flavour } from './flavour.ts';
import type { DatabaseOptions } from './options.ts';

type Context = Pick<PluginContext<DatabaseOptions>, 'options' | 'exec' | 'tools' | 'signal'>;

const VERSION_TIMEOUT_MS = 60_000;

/** The dump program as words: the one of client_config.yml counts, but not inside of a container. */
export function findDump(context: Context, flavour: Flavour): Promise<readonly string[]> {
  const { mysqldump } = context.tools;
  const configured = mysqldump.length !== 1 || mysqldump[0] !== 'mysqldump';
  const candidates = flavour.dump.map((name) => [name]);
  return find(context, flavour, configured && context.options.container === undefined ? [mysqldump] : candidates);
}

/** The client as words. */
export function findClient(context: Context, flavour: Flavour): Promise<readonly string[]> {
  const candidates = flavour.client.map((name) => [name]);
  return find(context, flavour, candidates);
}

/** @throws BackupError `config` that names the package */
async function find(
  context: Context,
  { clientPackage }: Flavour,
  candidates: readonly (readonly string[])[],
): Promise<readonly string[]> {
  const { container } = context.options;
  for (const words of candidates) if (await isThere(context, words)) return words;
  const names = candidates.map(([name]) => name).join(' nor ');
  if (container !== undefined) {
    throw new BackupError('config', `Neither ${names} can be started in container ${container}. Is it running?`);
  }
  throw new BackupError(
    'config',
    `${names} not found in ${searchPathOf()}. Install it: apt install ${clientPackage} (or set \`mysqldump_cmd\`).`,
  );
}

async function isThere(context: Context, [name = '']: readonly string[]): Promise<boolean> {
  const { exec, signal, tools, options } = context;
  if (options.container === undefined) return (await findProgram(name)) !== undefined;
  const { program, args } = inContainer({ program: name, args: ['--version'] }, options.container, { tools });
  try {
    await exec(program, args, { cwd: '/', timeoutMs: VERSION_TIMEOUT_MS, signal });
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return false;
  }
}
