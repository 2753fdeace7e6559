// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { descendantsOf } from '../helpers/process-tree.ts';

/** Of one command with all its children. Seconds and bytes. */
export interface Measurement {
  readonly wall: number;
  /** User and system time of the command and the children that it waited for. */
  readonly cpu: number;
  /** Largest sum of the resident memory of all processes at one moment, sampled. */
  readonly peakMemory: number;
  /** The largest single process. */
  readonly peakProcess: number;
  /** Bytes that crossed the loopback interface, headers included, while the command ran. */
  readonly wire: number;
  /** Largest size of the watched directories at one moment, sampled. */
  readonly temporary: number;
  readonly stdout: string;
}

const SAMPLE_MS = 100;

/** bash counts the CPU time of all descendants that were waited for. */
const TIMED = 'TIMEFORMAT="cpu %U %S"; time "$@"';

/** Runs a command to its end. @throws Error with what it wrote when its exit code is not 0 */
export async function measure(
  command: readonly string[],
  watched: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Measurement> {
  const wireBefore = loopbackBytes();
  const begun = process.hrtime.bigint();
  const child = spawn('bash', ['-c', TIMED, 'time', ...command], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const peaks = { memory: 0, process: 0, disk: 0 };
  const timer = setInterval(() => sample(child.pid, watched, peaks), SAMPLE_MS);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(timer);
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`);
  const wall = Number(process.hrtime.bigint() - begun) / 1e9;
  const wire = loopbackBytes() - wireBefore;
  const [, user = '0', system = '0'] = /\ncpu ([\d.]+) ([\d.]+)\n$/.exec(`\n${stderr}`) ?? [];
  const cpu = Number(user) + Number(system);
  return { wall, cpu, peakMemory: peaks.memory, peakProcess: peaks.process, wire, temporary: peaks.disk, stdout };
}

function sample(
  pid: number | undefined,
  watched: readonly string[],
  peaks: { memory: number; process: number; disk: number },
) {
  if (pid === undefined) return;
  const sizes = [pid, ...descendantsOf(pid)].map(residentBytes);
  peaks.memory = Math.max(
    peaks.memory,
    sizes.reduce((sum, size) => sum + size, 0),
  );
  peaks.process = Math.max(peaks.process, ...sizes);
  peaks.disk = Math.max(
    peaks.disk,
    watched.reduce((sum, directory) => sum + diskBytes(directory), 0),
  );
}

function residentBytes(pid: number): number {
  try {
    const [, pages = '0'] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
    return Number(pages) * 4096;
  } catch {
    return 0;
  }
}

/** Bytes on disk below a directory. */
function diskBytes(directory: string): number {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.reduce((sum, entry) => {
      const path = join(directory, entry.name);
      return sum + (entry.isDirectory() ? diskBytes(path) : lstatSync(path).blocks * 512);
    }, 0);
  } catch {
    // Something was removed while it was counted: the next sample sees it.
    return 0;
  }
}

function loopbackBytes(): number {
  const line = readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .find((text) => text.trim().startsWith('lo:'));
  return Number(line?.split(':')[1]?.trim().split(/\s+/)[0] ?? 0);
}
