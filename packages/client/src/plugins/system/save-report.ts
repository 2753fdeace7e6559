// SPDX-License-Identifier: AGPL-3.0-or-later
import { open, unlink } from 'node:fs/promises';
import { describeError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { PluginContext } from '../../plugin.ts';
import type { Report } from './inventory.ts';
import type { SystemOptions } from './options.ts';

type Context = PluginContext<SystemOptions>;

const limitsOf = ({ options, signal }: Context) => {
  return { cwd: '/', timeoutMs: options.timeout, limitedBy: '`timeout` of the task', signal };
};

/**
 * Saves what a program tells.
 * @returns why it could not, as a warning: the rest of the machine is worth saving all the same
 */
export async function saveReport(
  context: Context,
  { command, accept = [] }: Report,
  file: string,
): Promise<string | undefined> {
  const [program, ...args] = command;
  const output = await open(file, 'wx', 0o600);
  try {
    const options = { ...limitsOf(context), stdoutTo: output.fd, accept: [0, ...accept] };
    const { exitCode } = await context.exec(program, args, options);
    // A code that is accepted says that there is nothing to tell.
    if (exitCode !== 0) await unlink(file);
    return undefined;
  } catch (error) {
    context.signal.throwIfAborted();
    await unlink(file);
    return `\`${command.join(' ')}\` could not be saved: ${describeError(error)}`;
  } finally {
    await output.close();
  }
}

/** The partition table of every disk, in the form that sfdisk(8) reads back. */
export async function partitionReports(context: Context): Promise<readonly Report[]> {
  if ((await findProgram('lsblk')) === undefined || (await findProgram('sfdisk')) === undefined) return [];
  const args = ['--nodeps', '--noheadings', '--output', 'PATH,TYPE'];
  const { stdout } = await context.exec('lsblk', args, { ...limitsOf(context), accept: [0, 1, 32] });
  const disks = stdout.split('\n').map((row) => row.trim().split(/\s+/));
  return disks
    .filter(([path = '', type]) => type === 'disk' && !/^\/dev\/(?:zram|ram|fd)\d/.test(path))
    .map(([path = '']) => ({
      part: 'storage',
      file: `partitions-${path.replace('/dev/', '').replaceAll('/', '!')}.sfdisk`,
      command: ['sfdisk', '--dump', path],
      // A disk without a partition table.
      accept: [1],
    }));
}
