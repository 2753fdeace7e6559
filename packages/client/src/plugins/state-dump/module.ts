// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readFile, stat } from 'node:fs/promises';
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
  readonly owner: Account;
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

type Context = Pick<PluginContext<StateDumpOptions>, 'options' | 'exec' | 'signal' | 'tools'>;

const ASK_MS = 60_000;

/** @throws BackupError `config` where there is no such directory, or no `state/environment` in it (E15) */
export async function openModule(context: Context): Promise<Module> {
  const module = await findModule(context);
  const { module_dir } = context.options;
  if (module === undefined) throw new BackupError('config', `${module_dir} is no directory. Correct \`module_dir\`.`);
  const state = await lstat(join(module_dir, 'state')).catch(() => undefined);
  const environment = await lstat(join(module_dir, 'state/environment')).catch(() => undefined);
  if (state?.isDirectory() === true && environment?.isFile() === true) return module;
  throw new BackupError('config', `${module_dir} holds no state/environment: it is not the directory of a module.`);
}

/** The module, whatever is left of it; undefined where its directory is gone. */
export async function findModule(context: Context): Promise<Module | undefined> {
  const { module_dir, module_id } = context.options;
  const facts = await stat(module_dir).catch(() => undefined);
  if (facts?.isDirectory() !== true) return undefined;
  const isRootless = basename(module_dir) === '.config';
  const id = module_id ?? basename(isRootless ? dirname(module_dir) : module_dir);
  return { directory: module_dir, id, isRootless, owner: await accountOf(facts.uid, context) };
}

/** With the group that the account has, whatever group the directory is given to. */
async function accountOf(uid: number, { exec, signal, options }: Context): Promise<Account> {
  const { stdout } = await exec('getent', ['passwd', String(uid)], { timeoutMs: ASK_MS, signal, accept: [0, 2] });
  const [name = '', , , gid = ''] = stdout.split(':');
  if (/^\d+$/.test(gid)) return { name, uid, gid: Number(gid) };
  throw new BackupError(
    'config',
    `${options.module_dir} belongs to user ${uid}, who has no account here. Give it to the module's own: chown.`,
  );
}

/** True where the module's scripts run as this program's own user, root that is. */
export function isOwn({ owner }: Module): boolean {
  return owner.uid === process.geteuid?.();
}

/** What a script or podman of the module is started with: as the module's own user, with the environment of its login. */
export function asOwner(module: Module): {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
} {
  const { directory, isRootless, owner } = module;
  const home = isRootless ? dirname(directory) : directory;
  const env = {
    HOME: home,
    XDG_RUNTIME_DIR: `/run/user/${owner.uid}`,
    AGENT_INSTALL_DIR: directory,
    AGENT_STATE_DIR: join(directory, 'state'),
  };
  return isOwn(module) ? { cwd: directory, env } : { cwd: directory, env, uid: owner.uid, gid: owner.gid };
}

/** A list of the module is some lines. */
const LARGEST_LIST = 512 * 1024;

/**
 * The text of a file of the module, empty where it has none. It is read as the module's owner, who may have put anything in
 * its place: a link to what only root can read, a pipe that nobody writes to.
 */
export async function readOptional(module: Module, name: string, { exec, signal }: Context): Promise<string> {
  const file = join(module.directory, name);
  const facts = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new BackupError('config', `${file} cannot be read: ${error.message}`, { cause: error });
  });
  if (facts === undefined) return '';
  const args = ['-c', String(LARGEST_LIST + 1), '--', file];
  const { stdout } = await exec('head', args, { ...asOwner(module), timeoutMs: ASK_MS, signal });
  if (stdout.length <= LARGEST_LIST) return stdout;
  throw new BackupError('config', `${file} is too large: a list of paths has some lines.`);
}

/** What podman calls a volume of the module, by the name that include files call it (E17). */
export function volumeName({ isRootless, id }: Module, name: string): string {
  return isRootless ? name : `${id}-${name}`;
}

/** The containers of this system are podman's, unless `docker_cmd` names a program that is not docker. */
export function engineOf(tools: Context['tools']): string {
  const engine = containerEngine(tools);
  return engine === 'docker' ? 'podman' : engine;
}

/**
 * Where a volume of the module is mounted, by the name that include files call it (E17).
 * @throws BackupError `failed` where podman knows no such volume, or it belongs to somebody else than the module's owner
 */
export async function volumePath(module: Module, name: string, { exec, signal, tools }: Context): Promise<string> {
  const [volume, engine] = [volumeName(module, name), engineOf(tools)];
  const args = ['volume', 'inspect', '--format', '{{.Mountpoint}}', '--', volume];
  const { stdout } = await exec(engine, args, { ...asOwner(module), timeoutMs: ASK_MS, signal });
  const path = stdout.trim();
  if (!path.startsWith('/')) throw new BackupError('failed', `${engine} does not say where the volume ${volume} is.`);
  await requireOwn(module, volume, path);
  return path;
}

/** What podman says is the word of the module's owner, and root is going to read there. */
async function requireOwn(module: Module, volume: string, path: string): Promise<void> {
  if (isOwn(module)) return;
  const facts = await lstat(path).catch(() => undefined);
  if (facts?.isDirectory() === true && (await hasUser(module.owner, facts.uid))) return;
  throw new BackupError(
    'failed',
    `The volume ${volume} is said to be ${path}, which is no directory of ${module.owner.name}: it is not read.`,
  );
}

/** Users that processes in containers of an account run as: itself, and those of /etc/subuid. */
async function hasUser({ name, uid }: Account, wanted: number): Promise<boolean> {
  if (wanted === uid) return true;
  const lines = (await readFile('/etc/subuid', 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'));
  return lines.some(([who, start, count]) => {
    const first = Number(start);
    return (who === name || who === String(uid)) && wanted >= first && wanted < first + Number(count);
  });
}
