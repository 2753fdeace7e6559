// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installStandIns } from './stand-in.ts';

interface StandInUnit {
  active: 'active' | 'inactive' | 'failed' | 'activating' | 'deactivating';
  /** What it is at the second look. */
  becomes?: 'active' | 'inactive';
  enabled?: boolean;
  masked?: boolean;
  alias?: string;
  type?: 'simple' | 'oneshot';
  remain?: boolean;
  triggeredBy?: string[];
  requiredBy?: string[];
  requisiteOf?: string[];
  dropIns?: string[];
  fragment?: string;
  /** `auto-restart` while it is about to be started again. */
  sub?: string;
  restarts?: number;
  /** In microseconds of the monotonic clock. */
  activeSince?: number;
}

/** `lie`: does nothing and succeeds. `queue`: is killed, and what it has asked for happens later. */
type Mode = 'fail' | 'hang' | 'lie' | 'queue';

interface State {
  units: Record<string, StandInUnit>;
  faults?: { match: string; mode: Mode; times: number }[];
}

/** An executable in place of systemctl, with state on disk below `directory`; see systemctl-stand-in.cjs. */
export function createSystemctlStandIn(directory: string) {
  const home = join(directory, 'systemd-home');
  const bin = installStandIns({ names: ['systemctl'], module: 'systemctl-stand-in.cjs', home });
  const stateFile = join(home, 'state.json');
  mkdirSync(join(home, 'etc'));
  writeFileSync(stateFile, JSON.stringify({ units: {} }));
  const read = (): State => JSON.parse(readFileSync(stateFile, 'utf8'));
  const change = (edit: (state: State) => void) => {
    const state = read();
    edit(state);
    writeFileSync(stateFile, JSON.stringify(state));
  };
  const linesOf = (name: string) => {
    const file = join(home, name);
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  };
  const fileOf = (name: string) => join(home, 'etc', name);
  return {
    /** To be first in PATH. */
    bin,
    read,
    change,
    /** A unit file, where systemd looks for them. */
    fileOf,
    addUnit: (name: string, unit: StandInUnit) => {
      writeFileSync(fileOf(name), `[Unit]\nDescription=${name}\n`);
      change((state) => {
        state.units[name] = { ...unit, fragment: fileOf(name) };
      });
    },
    fault: (match: string, mode: Mode, times = 1) =>
      change((state) => {
        state.faults = [...(state.faults ?? []), { match, mode, times }];
      }),
    /** Units and whether they run: `{ 'a.service': 'active' }`. */
    states: () => Object.fromEntries(Object.entries(read().units).map(([name, { active }]) => [name, active])),
    calls: () => linesOf('calls'),
    /** What happened, in order: `stop a.service`. */
    acts: () => linesOf('acts'),
  };
}
