// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installStandIns } from './stand-in.ts';

interface Fault {
  /** Words of the command without its global options: `compose start`, `inspect`. */
  readonly match: string;
  /** `lie`: does nothing and succeeds. `late`: is killed, and what it has asked for happens a few calls later. */
  readonly mode: 'fail' | 'hang' | 'lie' | 'late';
  readonly times?: number;
  /** What is said with `fail`. */
  readonly message?: string;
}

interface State {
  containers: {
    readonly id: string;
    readonly service: string;
    readonly labels: Record<string, string>;
    /** What `inspect` tells beside: how it fares. */
    fares?: { State?: object; RestartCount?: number; Healthcheck?: object };
    state: string;
  }[];
  faults?: Fault[];
  /** Services that do not stop when told to. */
  stubborn?: string[];
  /** podman-compose 1.0.3: without `config`. */
  isOldPodman?: boolean;
  /** podman-compose from 1.0.4: containers are started with those that they depend on, in any case. */
  isRequiring?: boolean;
  /** Services whose containers end right after their start, with exit code 0. */
  endsAtOnce?: string[];
  volumes: Record<string, { driver?: string; options?: Record<string, string> }>;
  readonly images: Record<string, { readonly Id: string; RepoDigests: string[] }>;
}

/** An executable in place of docker and podman, with state on disk below `directory`; see docker-stand-in.cjs. */
export function createDockerStandIn(directory: string) {
  const home = join(directory, 'docker-home');
  const bin = installStandIns({
    names: ['docker', 'podman', 'podman-compose', 'docker-compose'],
    module: 'docker-stand-in.cjs',
    home,
  });
  const stateFile = join(home, 'state.json');
  const read = (): State => JSON.parse(readFileSync(stateFile, 'utf8'));
  const change = (edit: (state: State) => void) => {
    const state = read();
    edit(state);
    writeFileSync(stateFile, JSON.stringify(state));
  };
  writeFileSync(stateFile, JSON.stringify({ containers: [], volumes: {}, images: {} }));
  const linesOf = (name: string) => {
    const file = join(home, name);
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  };
  return {
    bin,
    /** `docker_cmd` of client_config.yml. */
    tools: { docker_cmd: `${join(bin, 'docker')} compose` },
    read,
    change,
    /** Runs it as an admin would. */
    docker: (...words: string[]) => execFileSync(join(bin, 'docker'), words, { encoding: 'utf8', stdio: 'pipe' }),
    /** Services and the states of their containers: `{ web: 'running' }`. */
    states: (): Record<string, string> =>
      Object.fromEntries(read().containers.map(({ service, state }) => [service, state])),
    fault: (fault: Fault) =>
      change((state) => {
        state.faults = [...(state.faults ?? []), { times: 1, ...fault }];
      }),
    /** All commands so far: program and words. */
    calls: (): string[] =>
      linesOf('calls').map((line) => {
        const { program, words } = JSON.parse(line);
        return [program, ...words].join(' ');
      }),
    /** What happened to containers through compose, in order: `stop web`. */
    acts: () => linesOf('acts'),
    volume: (name: string) => join(home, 'volumes', name, '_data'),
  };
}
