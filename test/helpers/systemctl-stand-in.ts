// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface StandInUnit {
  active: 'active' | 'inactive' | 'failed' | 'activating';
  enabled?: boolean;
  masked?: boolean;
  alias?: string;
  type?: 'simple' | 'oneshot';
  remain?: boolean;
  triggeredBy?: string[];
  requiredBy?: string[];
  dropIns?: string[];
  fragment?: string;
}

interface State {
  units: Record<string, StandInUnit>;
  faults?: { match: string; mode: 'fail' | 'hang' | 'lie'; times: number }[];
}

/** An executable in place of systemctl, with state on disk below `directory`; see systemctl-stand-in.cjs. */
export function createSystemctlStandIn(directory: string) {
  const home = join(directory, 'systemd-home');
  const bin = join(home, 'bin');
  const stateFile = join(home, 'state.json');
  mkdirSync(bin, { recursive: true });
  mkdirSync(join(home, 'etc'));
  const source = readFileSync(new URL('systemctl-stand-in.cjs', import.meta.url), 'utf8');
  writeFileSync(join(bin, 'systemctl'), `#!${process.execPath}\n${source.replaceAll('@HOME@', home)}`);
  chmodSync(join(bin, 'systemctl'), 0o755);
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
    fault: (match: string, mode: 'fail' | 'hang' | 'lie', times = 1) =>
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
