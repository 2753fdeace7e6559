// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync } from 'node:fs';
import { readProcessStat } from '@local-backup/common/process-stat';

/** A process of this machine. */
export interface ProcessFacts {
  /** When it began, milliseconds since 1970. */
  readonly began: number;
  /** It has ended, and nobody has asked for its exit code yet. */
  readonly isZombie: boolean;
  /** The name of its program, cut off after 15 characters by the kernel. */
  readonly program: string;
}

/** The unit of start times in /proc, the same on every Linux (proc(5), USER_HZ). */
const MILLISECONDS_PER_TICK = 10;

/**
 * The process with this number, or undefined where there is none.
 *
 * When it began is reckoned from this process: the time since boot that containers show may be their own.
 */
export function findProcess(pid: number): ProcessFacts | undefined {
  const stat = readProcessStat(pid);
  const own = readProcessStat(process.pid);
  if (stat === undefined || own === undefined) return undefined;
  const ticksLater = Number(stat.startTime) - Number(own.startTime);
  const ownBegan = Date.now() - process.uptime() * 1000;
  return {
    began: ownBegan + ticksLater * MILLISECONDS_PER_TICK,
    isZombie: stat.state === 'Z' || stat.state === 'X',
    program: programOf(pid),
  };
}

function programOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}
