// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { copyFile, open, rm } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { RunOptions } from '@local-backup/common/exec';
import { sleep } from '@local-backup/common/sleep';
import { inContainer } from '../../plugin-tools/container.ts';
import { dumpToFile } from '../../plugin-tools/dump-file.ts';
import type { Connection } from './connection.ts';
import type { RedisOptions } from './options.ts';
import { cutTransferMark, rdbComplaint } from './rdb-file.ts';
import { firstProgram, infoOf, placeOf, type ServerContext, withServer } from './server.ts';
import { SOCKET, withTunnel } from './tunnel.ts';

/** How often the server is asked whether it has written its file. */
const POLL_MS = 200;

/**
 * Leaves all data of the server in an RDB file of mode 0600, whole or not at all.
 * @throws BackupError `failed`
 */
export async function saveRdb(file: string, context: ServerContext): Promise<void> {
  try {
    if (context.options.method === 'rdb') await receive(file, context);
    else await withServer(context, (server) => letItSave(server, file, context));
    const complaint = await rdbComplaint(file);
    if (complaint === undefined) return;
    throw new BackupError('failed', `The RDB file that the server gave is not whole: ${complaint}. Nothing is saved.`);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
}

/** As to a replica. */
async function receive(file: string, context: ServerContext): Promise<void> {
  const place = await placeOf(context);
  const { password, tls } = place;
  if (tls === undefined) await receiveFrom({ address: addressArgs(context.options), password }, file, context);
  else {
    const directory = dirname(file);
    const through = { address: ['-s', SOCKET], password, cwd: directory };
    await withTunnel({ place, directory }, context.signal, () => receiveFrom(through, file, context));
  }
  const handle = await open(file, 'r+');
  try {
    await cutTransferMark(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

interface Way {
  readonly address: readonly string[];
  readonly password: string | undefined;
  /** What a socket in `address` is relative to. */
  readonly cwd?: string;
}

async function receiveFrom({ address, password, ...place }: Way, file: string, context: ServerContext): Promise<void> {
  const { options, exec, tools } = context;
  const program = options.container === undefined ? await requireClient(context) : context.flavour.client[0];
  const words = { program, args: [...address, ...userArgs(options), '--rdb', '-'] };
  const names = password === undefined ? [] : ['REDISCLI_AUTH'];
  const command = inContainer(words, options.container, { tools, names });
  const env = password === undefined ? {} : { REDISCLI_AUTH: password };
  await dumpToFile({ file, ...command, exec, options: { ...limitsOf(context), ...place, env } });
}

/** @throws BackupError `config` */
export async function requireClient({ flavour }: Pick<ServerContext, 'flavour'>): Promise<string> {
  const program = await firstProgram(flavour.client);
  if (program !== undefined) return program;
  throw new BackupError(
    'config',
    `${flavour.client[0]} is not installed. Install the package ${flavour.clientPackage}.`,
  );
}

function addressArgs({ container, socket, host, port }: RedisOptions): string[] {
  if (container !== undefined) return ['-p', String(port)];
  return socket === undefined ? ['-h', host, '-p', String(port)] : ['-s', socket];
}

function userArgs({ user }: RedisOptions): string[] {
  return user === undefined ? [] : ['--user', user];
}

function limitsOf({ options, signal }: ServerContext): Pick<RunOptions, 'timeoutMs' | 'limitedBy' | 'signal'> {
  const limitedBy = '`timeout` of the task, `task_timeout` of client_config.yml';
  return { timeoutMs: options.timeout, limitedBy, signal };
}

async function letItSave(server: Connection, file: string, { options, signal }: ServerContext): Promise<void> {
  const end = Date.now() + options.timeout;
  // One that is under way began before this task: what was written since is not in it.
  await saved(server, end, signal);
  await server.ask('BGSAVE');
  const info = await saved(server, end, signal);
  if (info.get('rdb_last_bgsave_status') !== 'ok') {
    throw new BackupError('failed', `${server.title} could not write its RDB file (BGSAVE). Its log says why.`);
  }
  const own = await ownFile(server);
  try {
    await copyFile(own, file, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const handle = await open(file, 'r+');
    await handle.chmod(0o600).finally(() => handle.close());
  } catch (error) {
    throw new BackupError('failed', `Cannot copy ${own}, which ${server.title} has written: ${describe(error)}`, {
      cause: error,
    });
  }
}

async function saved(server: Connection, end: number, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  for (;;) {
    const info = await infoOf(server);
    if (info.get('rdb_bgsave_in_progress') !== '1') return info;
    if (Date.now() > end) throw new BackupError('failed', `${server.title} did not end BGSAVE within \`timeout\`.`);
    await sleep(POLL_MS, signal);
  }
}

async function ownFile(server: Connection): Promise<string> {
  const directory = await setting(server, 'dir');
  const name = await setting(server, 'dbfilename');
  if (isAbsolute(directory) && !name.includes('/')) return join(directory, name);
  throw new BackupError('failed', `${server.title} does not tell where its RDB file is. Use \`method: rdb\`.`);
}

async function setting(server: Connection, name: string): Promise<string> {
  const reply = await server.ask('CONFIG', 'GET', name);
  const value = Array.isArray(reply) ? reply[1] : undefined;
  return Buffer.isBuffer(value) ? value.toString('utf8') : '';
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
