// SPDX-License-Identifier: AGPL-3.0-or-later
import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { PluginContext } from '../../plugin.ts';
import { containerEngine } from '../../plugin-tools/container.ts';
import type { StateDumpOptions } from './options.ts';

/** A module of NethServer 8, as its directory shows it. */
export interface Module {
  readonly directory: string;
  readonly id: string;
  /** Its containers run as a user of its own, and its volumes have short names. */
  readonly isRootless: boolean;
  /** Owner of the directory: whoever owns the scripts may not decide what runs as somebody else. */
  readonly uid: number;
  readonly gid: number;
}

type Context = Pick<PluginContext<StateDumpOptions>, 'options' | 'exec' | 'signal' | 'tools'>;

/** @throws BackupError `config` where there is no such directory, or no `state/environment` in it (E15) */
export async function openModule({ module_dir, module_id }: StateDumpOptions): Promise<Module> {
  const facts = await stat(module_dir).catch(() => undefined);
  if (facts?.isDirectory() !== true) {
    throw new BackupError('config', `${module_dir} is no directory. Correct \`module_dir\`.`);
  }
  const isRootless = basename(module_dir) === '.config';
  const id = module_id ?? basename(isRootless ? dirname(module_dir) : module_dir);
  if ((await stat(join(module_dir, 'state/environment')).catch(() => undefined))?.isFile() !== true) {
    throw new BackupError('config', `${module_dir} holds no state/environment: it is not the directory of a module.`);
  }
  return { directory: module_dir, id, isRootless, uid: facts.uid, gid: facts.gid };
}

/** What a script or podman of the module is started with: as the module's own user, with the environment of its login. */
export function asOwner({ directory, isRootless, uid, gid }: Module): {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
} {
  const home = isRootless ? dirname(directory) : directory;
  const env = {
    HOME: home,
    XDG_RUNTIME_DIR: `/run/user/${uid}`,
    AGENT_INSTALL_DIR: directory,
    AGENT_STATE_DIR: join(directory, 'state'),
  };
  return uid === process.geteuid?.() ? { cwd: directory, env } : { cwd: directory, env, uid, gid };
}

const ASK_MS = 60_000;

/**
 * Where a volume of the module is mounted, by the name that include files call it (E17).
 * @throws BackupError `failed` where podman knows no such volume
 */
export async function volumePath(module: Module, name: string, { exec, signal, tools }: Context): Promise<string> {
  const volume = module.isRootless ? name : `${module.id}-${name}`;
  // The containers of this system are podman's, unless `docker_cmd` names a program that is not docker.
  const engine = containerEngine(tools) === 'docker' ? 'podman' : containerEngine(tools);
  const args = ['volume', 'inspect', '--format', '{{.Mountpoint}}', '--', volume];
  const { stdout } = await exec(engine, args, { ...asOwner(module), timeoutMs: ASK_MS, signal });
  const path = stdout.trim();
  if (!path.startsWith('/')) throw new BackupError('failed', `${engine} does not say where the volume ${volume} is.`);
  return path;
}
