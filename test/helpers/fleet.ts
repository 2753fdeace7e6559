// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';
import { baseOf, type Release } from './fleet-base.ts';

/*
 * Machines booted with systemd-nspawn on a private bridge, in a network namespace of their own: nothing of them is seen by the
 * network of this machine. Each is an overlay over a file system that debootstrap has made once.
 */

export interface Machine {
  readonly name: string;
  readonly address: string;
  /** Where its file system is seen from outside, while it runs. */
  readonly at: (path: string) => string;
  /** Runs a command line in it, as root. @throws Error with its output where the exit code is another one */
  readonly run: (line: string, code?: number) => string;
  readonly write: (path: string, text: string, mode?: number) => void;
  /** As somebody who pulls the plug. */
  readonly cutPower: () => Promise<void>;
  readonly boot: () => Promise<void>;
}

export interface Fleet {
  readonly machine: (name: string, release: Release) => Promise<Machine>;
  readonly remove: () => Promise<void>;
}

const ENVIRONMENT = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'TERM=dumb', 'LANG=C.UTF-8'];

export function createFleet(): Fleet {
  const root = mkdtempSync(join(tmpdir(), 'fleet-'));
  const network = `fleet${process.pid}`;
  const machines: BootedMachine[] = [];
  const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  ip('netns', 'add', network);
  ip('-n', network, 'link', 'set', 'lo', 'up');
  ip('-n', network, 'link', 'add', 'br0', 'type', 'bridge');
  ip('-n', network, 'link', 'set', 'br0', 'up');
  return {
    async machine(name, release) {
      const address = `10.77.0.${10 + machines.length}`;
      const machine = new BootedMachine({ root, network, name, address, release });
      machines.push(machine);
      await machine.boot();
      return machine;
    },
    async remove() {
      for (const machine of machines) await machine.remove();
      ip('netns', 'del', network);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

interface Place {
  readonly root: string;
  readonly network: string;
  readonly name: string;
  readonly address: string;
  readonly release: Release;
}

class BootedMachine implements Machine {
  readonly name: string;
  readonly address: string;
  readonly #place: Place;
  #child: ChildProcess | undefined;
  #leader = '';

  constructor(place: Place) {
    this.#place = place;
    this.name = place.name;
    this.address = place.address;
    const layers = ['upper', 'work', 'merged'].map((layer) => join(place.root, place.name, layer));
    for (const layer of layers) mkdirSync(layer, { recursive: true });
    const [upper, work, merged = ''] = layers;
    const options = `lowerdir=${baseOf(place.release)},upperdir=${upper},workdir=${work}`;
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, merged]);
    this.write('/etc/hostname', `${place.name}\n`);
    rmSync(this.at('/etc/machine-id'), { force: true });
    for (const kind of ['rsa', 'ecdsa', 'ed25519']) rmSync(this.at(`/etc/ssh/ssh_host_${kind}_key`), { force: true });
    execFileSync('ssh-keygen', ['-A', '-f', this.at('')], { stdio: 'ignore' });
  }

  at = (path: string): string => join(this.#place.root, this.name, 'merged', path);

  write = (path: string, text: string, mode = 0o644): void => {
    writeFileSync(this.at(path), text, { mode });
    execFileSync('chmod', [mode.toString(8), this.at(path)]);
  };

  run = (line: string, code = 0): string => {
    const args = ['-t', this.#leader, '-a', '-r', '-w', 'env', '-i', ...ENVIRONMENT, 'sh', '-c', line];
    const { status, stdout, stderr } = spawnSync('nsenter', args, {
      encoding: 'utf8',
      timeout: 5 * 60_000,
      maxBuffer: 64e6,
    });
    if (status === code) return stdout;
    throw new Error(`${this.name}: ${line}\nexit code ${status} instead of ${code}\n${stdout}${stderr}`);
  };

  boot = async (): Promise<void> => {
    const { root, network, address } = this.#place;
    const console_ = openSync(join(root, this.name, 'console'), 'a');
    const nspawn = [
      'systemd-nspawn',
      '-q',
      '-D',
      this.at(''),
      `--machine=${this.name}`,
      '--register=no',
      '--keep-unit',
    ];
    const settings = ['--resolv-conf=off', '--timezone=off', '--console=pipe', '--network-bridge=br0', '-b'];
    this.#child = spawn('nsenter', [`--net=/run/netns/${network}`, ...nspawn, ...settings], {
      stdio: ['ignore', console_, console_],
      env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' },
    });
    await this.#untilRunning(join(root, this.name, 'console'));
    for (const words of [`address add ${address}/24 dev host0`, 'link set host0 up']) {
      execFileSync('nsenter', ['-t', this.#leader, '-n', 'ip', ...words.split(' ')]);
    }
  };

  async #untilRunning(log: string): Promise<void> {
    for (let attempt = 0; attempt < 600; attempt += 1) {
      await sleep(200);
      const found = spawnSync('pgrep', ['-P', String(this.#child?.pid)], { encoding: 'utf8' });
      this.#leader = found.stdout.split('\n')[0] ?? '';
      if (this.#leader === '') continue;
      const state = spawnSync('nsenter', ['-t', this.#leader, '-a', '-r', '-w', 'systemctl', 'is-system-running'], {
        encoding: 'utf8',
      });
      if (/running|degraded/.test(state.stdout)) return;
    }
    throw new Error(`${this.name} does not boot:\n${readFileSync(log, 'utf8').slice(-2_000)}`);
  }

  cutPower = async (): Promise<void> => {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    process.kill(Number(this.#leader), 'SIGKILL');
    await gone;
    this.#child = undefined;
  };

  async remove(): Promise<void> {
    await this.cutPower();
    execFileSync('umount', ['-R', this.at('')]);
  }
}

/**
 * Installs packages of this project on a machine with apt, which gets them as an admin has them: as files.
 *
 * @param directory where they are: that of this source, unless said
 */
export function installPackages(machine: Machine, names: readonly string[], directory = inject('debs')): void {
  mkdirSync(machine.at('/root/debs'), { recursive: true });
  const files = readdirSync(directory).filter((file) => names.some((name) => file.startsWith(`${name}_`)));
  for (const file of files) copyFileSync(join(directory, file), machine.at(`/root/debs/${file}`));
  const paths = files.map((file) => `/root/debs/${file}`).join(' ');
  machine.run(`apt-get install -y --no-install-recommends --allow-downgrades ${paths}`);
}
