// SPDX-License-Identifier: AGPL-3.0-or-later

import { BackupError } from '@local-backup/common/errors';
import type { Run, RunResult } from '@local-backup/common/exec';
import { MOUNT_SYSTEM } from './sandbox-root.ts';

export interface Sandbox {
  /** The only directory that the command can write to; it is its working directory. */
  readonly directory: string;
  /** An empty directory; the sandbox's root is mounted on it, where nobody else sees it. */
  readonly mountPoint: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly run: Run;
}

export interface SandboxedCommand {
  readonly command: readonly string[];
  /** File descriptor of standard input. */
  readonly stdin?: number;
  /** No file may become larger than this. */
  readonly maxFileBytes: number;
}

/** Exit code of the script below when it could not build the sandbox; tar and find do not use it. */
const SETUP_FAILED = 125;

/**
 * Builds a root directory of its own and starts the command in it: programs and libraries read-only, one directory to
 * write to, no devices, no /proc, nothing else of the machine. Arguments: mount point, directory, seconds of CPU,
 * bytes per file, then the command.
 *
 * The old root is needed until it has been let go of, because umount(8) looks into /proc: hence the link.
 * Capabilities: what giving files their owners, modes, ACLs and file capabilities takes. Not CAP_MKNOD (devices) and
 * not CAP_SYS_ADMIN (mounts, and with it `trusted.*` attributes).
 */
const SCRIPT = `
set -eu
trap 'exit ${SETUP_FAILED}' EXIT
root=$1 live=$2 cpu=$3 bytes=$4
shift 4
${MOUNT_SYSTEM}mkdir "$root/live" "$root/old"
ln -s old/proc "$root/proc"
mount --bind "$live" "$root/live"
mount -o remount,bind,nosuid,nodev,noexec "$root/live"
mount -o remount,ro,nosuid,nodev,noexec "$root"
cd "$root"
pivot_root . old
umount --lazy /old
cd /live
trap - EXIT
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+setfcap \\
  prlimit --core=0 --nofile=256 --cpu="$cpu" --fsize="$bytes" -- "$@"
`;

const NAMESPACES = ['--mount', '--net', '--ipc', '--uts', '--pid', '--fork', '--kill-child'];

/**
 * Runs a command that can write nowhere but in one directory, reach no network and see no other process.
 * @returns what it said on standard error
 * @throws BackupError `failed` when it failed, took too long, or the sandbox could not be built
 */
export async function runSandboxed(
  sandbox: Sandbox,
  { command, stdin, maxFileBytes }: SandboxedCommand,
): Promise<string> {
  const { directory, mountPoint, timeoutMs, signal, run } = sandbox;
  const cpuSeconds = Math.ceil(timeoutMs / 1000);
  const parameters = [mountPoint, directory, String(cpuSeconds), String(maxFileBytes)];
  const args = [...NAMESPACES, 'sh', '-c', SCRIPT, 'sandbox', ...parameters, ...command];
  const options = { timeoutMs, signal, accept: [0, SETUP_FAILED], ...(stdin === undefined ? {} : { stdin }) };
  const { exitCode, stderr } = await nameCommand(command, run('unshare', args, options));
  if (exitCode === 0) return stderr;
  throw new BackupError(
    'failed',
    `Cannot build the sandbox for unpacking: ${stderr.trim()}. It takes root with CAP_SYS_ADMIN and util-linux 2.38 or newer (unshare, mount, umount, pivot_root, setpriv, prlimit); under systemd it needs RestrictNamespaces=no, in a container the right to mount.`,
  );
}

/** The message of a failure names `unshare`, which is not what people want to know. */
async function nameCommand(command: readonly string[], result: Promise<RunResult>): Promise<RunResult> {
  try {
    return await result;
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    throw new BackupError(error.code, `${command[0]} failed in its sandbox: ${error.message}`, { cause: error });
  }
}
