// SPDX-License-Identifier: AGPL-3.0-or-later
import { cpus, totalmem } from 'node:os';
import type { Run } from '@local-backup/common/exec';
import { MOUNT_SYSTEM } from '../../sandbox-root.ts';

/** Where things are inside. Short, so that the paths of sockets fit. */
export const COPY = '/copy';
export const SCRATCH_INSIDE = '/scratch';

/** A Node.js program: the binary, and a file that needs nothing beside it. */
export interface CagedProgram {
  readonly node: string;
  readonly script: string;
}

export interface Cage {
  /** An empty directory; the cage's root is mounted on it, where nobody else sees it. */
  readonly mountPoint: string;
  /** What is to be looked at: {@link COPY} inside, read-only. */
  readonly copy: string;
  /** The only directory that can be written to: {@link SCRATCH_INSIDE} inside, and the working directory. */
  readonly scratch: string;
  readonly program: CagedProgram;
  readonly timeoutMs: number;
  /** No file may become larger than this. */
  readonly maxFileBytes: number;
  readonly signal: AbortSignal;
  readonly run: Run;
}

/** Exit code of the script below when it could not build the cage; node does not use it. */
const SETUP_FAILED = 125;

/**
 * Builds a root directory of its own and starts the program in it, as the first process of a PID namespace. Arguments:
 * mount point, copy, scratch, node, script, seconds of CPU, bytes per file, bytes of memory per process, then the
 * arguments of the program.
 *
 * When memory runs out, it is these processes that are ended (`oom_score_adj`). Of the devices there are those that hold
 * nothing; `/proc` shows these processes alone and is read-only, because root may write into /proc/sys without any
 * capability; /etc has the accounts root and nobody, and localhost. Capabilities: those of an installer that prepares a directory and
 * starts servers as nobody in it. Not CAP_DAC_READ_SEARCH: with it, open_by_handle_at(2) reaches every file of a file
 * system of which one directory is mounted. Not CAP_SYS_ADMIN, CAP_MKNOD, CAP_NET_ADMIN, CAP_SYS_PTRACE.
 */
const SCRIPT = `
set -eu
trap 'exit ${SETUP_FAILED}' EXIT
root=$1 copy=$2 scratch=$3 node=$4 script=$5 cpu=$6 bytes=$7 memory=$8
shift 8
echo 1000 > /proc/self/oom_score_adj
${MOUNT_SYSTEM}
mkdir "$root/etc" "$root/dev" "$root/dev/shm" "$root/proc" "$root/tmp" "$root/copy" "$root/scratch" "$root/old"
printf '%s\\n' 'root:x:0:0:root:/:/bin/sh' 'nobody:x:65534:65534:nobody:/:/bin/false' > "$root/etc/passwd"
printf '%s\\n' 'root:x:0:' 'nogroup:x:65534:' > "$root/etc/group"
printf '%s\\n' 'passwd: files' 'group: files' 'hosts: files' > "$root/etc/nsswitch.conf"
printf '%s\\n' '127.0.0.1 localhost' > "$root/etc/hosts"
bind() {
  if [ -d "$1" ]; then mkdir -p "$root$2"; elif [ ! -e "$root$2" ]; then : > "$root$2"; fi
  mount --bind "$1" "$root$2"
  mount -o "remount,bind,nosuid,$3" "$root$2"
}
for file in alternatives ld.so.cache; do
  if [ -e "/etc/$file" ]; then bind "/etc/$file" "/etc/$file" ro,nodev,noexec; fi
done
for device in null zero full random urandom; do bind "/dev/$device" "/dev/$device" ro,noexec; done
ln -s /proc/self/fd "$root/dev/fd"
for link in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/\${link%%:*}" "$root/dev/\${link##*:}"; done
mount -t tmpfs -o mode=1777,size=64m,nosuid,nodev,noexec sandbox "$root/dev/shm"
mount -t tmpfs -o mode=1777,size=64m,nosuid,nodev,noexec sandbox "$root/tmp"
mount -t proc -o ro,nosuid,nodev,noexec sandbox "$root/proc"
bind "$copy" /copy ro,nodev,noexec
bind "$scratch" /scratch nodev
bind "$node" /node ro,nodev
bind "$script" /script.cjs ro,nodev,noexec
mount -o remount,ro,nosuid,nodev,noexec "$root"
cd "$root"
pivot_root . old
umount --lazy /old
cd /scratch
trap - EXIT
exec setpriv --no-new-privs --inh-caps=-all \\
  --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap \\
  prlimit --core=0 --nofile=4096 --nproc=1024 --cpu="$cpu" --fsize="$bytes" --data="$memory" -- /node /script.cjs "$@"
`;

/** `setpriv --pdeathsig`: it ends with this program, also when that is killed; --kill-child passes that on. */
const WITH_US = ['--pdeathsig', 'KILL', '--', 'unshare'];
const NAMESPACES = ['--mount', '--net', '--ipc', '--uts', '--pid', '--fork', '--kill-child'];

/** One process may take this part of the machine's memory. */
const MEMORY_PART = 0.75;

/** Nothing of the admin's: directories of his are not there. */
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: SCRATCH_INSIDE };

/** Nothing inside is worth waiting for. */
const KILL_AFTER_MS = 500;

/** What came of it. `unbuilt`: why there could be no cage, which says nothing about what should have been looked at. */
export type Caged = { readonly stdout: string; readonly truncated: boolean } | { readonly unbuilt: string };

/**
 * Runs a Node.js program, and what it starts, where it can write nowhere but in one directory, reach no network and see no
 * other process; all of it ends with the first process, and with ours.
 * @throws BackupError `failed` when the program failed or took too long
 */
export async function runCaged(cage: Cage, args: readonly string[], stdin: string): Promise<Caged> {
  const { mountPoint, copy, scratch, program, timeoutMs, maxFileBytes, signal, run } = cage;
  const cpuSeconds = Math.ceil(timeoutMs / 1000) * cpus().length;
  const memory = Math.floor(totalmem() * MEMORY_PART);
  const places = [mountPoint, copy, scratch, program.node, program.script];
  const limits = [cpuSeconds, maxFileBytes, memory].map(String);
  const words = [...WITH_US, ...NAMESPACES, 'sh', '-c', SCRIPT, 'cage', ...places, ...limits, ...args];
  const options = {
    timeoutMs,
    signal,
    stdin,
    cwd: '/',
    env: ENVIRONMENT,
    killAfterMs: KILL_AFTER_MS,
    accept: [0, SETUP_FAILED],
  };
  const { exitCode, stdout, stderr, truncated } = await run('setpriv', words, options);
  if (exitCode === 0) return { stdout, truncated };
  return { unbuilt: `Cannot build the cage: ${stderr.trim()}. ${NEEDS}` };
}

const NEEDS =
  'It takes root with CAP_SYS_ADMIN and util-linux 2.38 or newer (unshare, mount, umount, pivot_root, setpriv, prlimit); ' +
  'under systemd it needs RestrictNamespaces=no, in a container the right to mount.';
