// SPDX-License-Identifier: AGPL-3.0-or-later
import { open, stat } from 'node:fs/promises';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { PluginContext } from '../../plugin.ts';
import { dumpToFile } from '../../plugin-tools/dump-file.ts';
import type { LdapOptions } from './options.ts';

export const NOT_INSTALLED = 'slapd is not installed. Install the package slapd (its service need not run).';

type Io = Pick<PluginContext<LdapOptions>, 'exec' | 'signal' | 'options'>;

/** Who a program runs as, and where. */
interface Place {
  readonly cwd: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** @throws BackupError `config` */
export async function requirePrograms(): Promise<void> {
  for (const name of ['slapcat', 'slapadd']) {
    if ((await findProgram(name)) === undefined) throw new BackupError('config', NOT_INSTALLED);
  }
}

/**
 * The owner of a directory of slapd: its programs run as that one. As root they would leave files behind that slapd cannot
 * open, and it would not start any more.
 */
export async function ownerOf(directory: string): Promise<{ uid: number; gid: number }> {
  const { uid, gid } = await stat(directory);
  return { uid, gid };
}

/**
 * Runs slapcat into a file of mode 0600. It has no end mark: the last entry ends with an empty line, as all do.
 * @param select `-n 0`, or `-b` and a suffix
 */
export async function slapcat(
  file: string,
  select: readonly string[],
  {
    configDirectory,
    program = 'slapcat',
    ...place
  }: Place & { readonly configDirectory: string; readonly program?: string },
  io: Io,
): Promise<void> {
  const endMark = { pattern: /\n\n$/, name: 'empty line after the last entry' };
  // -g: what subordinate databases hold is saved with them, not twice.
  const args = ['-F', configDirectory, '-g', '-o', 'ldif_wrap=no', ...select];
  await dumpToFile({ file, program, args, exec: io.exec, options: { ...limitsOf(io), ...place }, endMark });
}

/** Runs slapadd with a file as its input: who it runs as need not be able to open that. */
export async function slapadd(
  file: string,
  select: readonly string[],
  {
    configDirectory,
    program = 'slapadd',
    ...place
  }: Place & { readonly configDirectory: string; readonly program?: string },
  io: Io,
): Promise<void> {
  const input = await open(file);
  try {
    const args = ['-F', configDirectory, '-q', ...select];
    await io.exec(program, args, { ...limitsOf(io), ...place, stdin: input.fd });
  } finally {
    await input.close();
  }
}

function limitsOf({ options, signal }: Io) {
  return {
    timeoutMs: options.timeout,
    limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml',
    signal,
  };
}
