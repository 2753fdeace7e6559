// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdirSync, readFileSync } from 'node:fs';

/** What /proc/<pid>/stat says about a process (proc(5)). */
export interface ProcessStat {
  /** `R`, `S`, `D`, `Z` (zombie: has ended, nobody has asked for its exit code yet), ... */
  readonly state: string;
  readonly processGroup: number;
  /** Clock ticks since boot. Together with the boot id it tells a process from a later one with the same pid. */
  readonly startTime: string;
}

/** The process, or undefined where there is none. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses, which may itself hold blanks and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, , processGroup] = fields;
  const startTime = fields[19];
  if (state === undefined || processGroup === undefined || startTime === undefined) return undefined;
  return { state, processGroup: Number(processGroup), startTime };
}

/** True while the group has a member that has not ended; zombies, which some init processes never reap, do not count. */
export function processGroupLives(processGroup: number): boolean {
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false;
    const stat = readProcessStat(Number(name));
    return stat !== undefined && stat.processGroup === processGroup && stat.state !== 'Z' && stat.state !== 'X';
  });
}
