// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { baseOf, type Release } from './fleet-base.ts';
import { END_GROUP, ENTER_GROUP, makeGroup, ownGroup } from './fleet-cgroup.ts';
import { leftoversOf, watchOver } from './fleet-leftovers.ts';

/*
 * Machines booted with systemd-nspawn on a private bridge, in a network namespace of their own: nothing of them is seen by the
 * network of this machine. Each is an overlay over a file system that debootstrap has made once.
 */

export interface Machine {
  readonly name: string;
  readonly address: string;
  /** Where its file system is seen from outside, booted or not. */
  readonly at: (path: string) => string;
  /** Runs a command line in it, as root. @throws Error with its output where the exit code is another one */
  readonly run: (line: string, code?: number) => string;
  readonly write: (path: string, text: string, mode?: number) => void;
  /** As somebody who pulls the plug. */
  readonly cutPower: () => Promise<void>;
  readonly boot: () => Promise<void>;
}

export interface Fleet {
  /** Boots a machine. All machines of the fleet know each other as `NAME.example.org`. */
  readonly machine: (name: string, release: Release) => Promise<Machine>;
  /** @throws Error with everything that could not be removed */
  readonly remove: () => Promise<void>;
}

const ENVIRONMENT = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'TERM=dumb', 'LANG=C.UTF-8'];

let fleets = 0;

export function createFleet(): Fleet {
  fleets += 1;
  const root = mkdtempSync(join(tmpdir(), `fleet-${process.pid}-${fleets}-`));
  const name = basename(root);
  const group = join(ownGroup(), name);
  const remove = watchOver(root);
  const machines: BootedMachine[] = [];
  const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  makeGroup(group);
  ip('netns', 'add', name);
  ip('-n', name, 'link', 'set', 'lo', 'up');
  ip('-n', name, 'link', 'add', 'br0', 'type', 'bridge');
  ip('-n', name, 'link', 'set', 'br0', 'up');
  return {
    async machine(hostname, release) {
      const address = `10.77.0.${10 + machines.length}`;
      const machine = new BootedMachine({
        root,
        network: name,
        group: join(group, hostname),
        name: hostname,
        address,
        release,
      });
      machines.push(machine);
      machine.prepare();
      for (const each of machines) each.write('/etc/hosts', hostsFile(each, machines));
      await machine.boot();
      return machine;
    },
    async remove() {
      await remove();
      const left = leftoversOf(root);
      if (left.length > 0) throw new Error(`a fleet was not removed whole:\n${left.join('\n')}`);
    },
  };
}

/** As Debian's installer writes it, with the others instead of a DNS. */
function hostsFile(own: Machine, all: readonly Machine[]): string {
  const lines = all.map((each) => [each === own ? '127.0.1.1' : each.address, `${each.name}.example.org`, each.name]);
  return ['127.0.0.1 localhost', '::1 localhost', ...lines.map((words) => words.join(' ')), ''].join('\n');
}

interface Place {
  /** The directory of the fleet. */
  readonly root: string;
  /** Its network namespace. */
  readonly network: string;
  /** The cgroup of this machine. */
  readonly group: string;
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
  }

  /** Makes its file system. */
  prepare(): void {
    const { root, release } = this.#place;
    const layers = ['upper', 'work', 'merged'].map((layer) => join(root, this.name, layer));
    for (const layer of layers) mkdirSync(layer, { recursive: true });
    const [upper, work, merged = ''] = layers;
    // Nothing is ever written to the disk for its own sake: a power cut of a machine is none of the one below.
    const options = `lowerdir=${baseOf(release)},upperdir=${upper},workdir=${work},volatile`;
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', options, merged]);
    this.write('/etc/hostname', `${this.name}\n`);
    // Nobody sits there: apt asks nothing, and takes what there is without a network.
    this.write('/etc/apt/apt.conf.d/99fleet', 'APT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\n');
    rmSync(this.at('/etc/machine-id'), { force: true });
    for (const kind of ['rsa', 'ecdsa', 'ed25519']) rmSync(this.at(`/etc/ssh/ssh_host_${kind}_key`), { force: true });
    // One is enough: those of RSA take long to make.
    const key = this.at('/etc/ssh/ssh_host_ed25519_key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key], { stdio: 'ignore' });
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
    const { root, network, group, address } = this.#place;
    const console_ = openSync(join(root, this.name, 'console'), 'a');
    // On this machine, the name is that of the fleet as well: others may be at work.
    const names = [`--machine=${network}-${this.name}`, `--hostname=${this.name}`];
    const nspawn = ['systemd-nspawn', '-q', '-D', this.at(''), ...names, '--register=no', '--keep-unit'];
    const settings = ['--resolv-conf=off', '--timezone=off', '--console=pipe', '--network-bridge=br0', '-b'];
    const booting = ['nsenter', `--net=/run/netns/${network}`, ...nspawn, ...settings];
    makeGroup(group);
    this.#child = spawn('unshare', ['--mount', 'sh', '-c', ENTER_GROUP, 'boot', group, ...booting], {
      stdio: ['ignore', console_, console_],
    });
    closeSync(console_);
    await this.#untilRunning(join(root, this.name, 'console'));
    for (const words of [`address add ${address}/24 dev host0`, 'link set host0 up']) {
      execFileSync('nsenter', ['-t', this.#leader, '-n', 'ip', ...words.split(' ')]);
    }
  };

  async #untilRunning(log: string): Promise<void> {
    for (let attempt = 0; attempt < 1_200 && this.#isOn(); attempt += 1) {
      await sleep(100);
      this.#leader ||= firstProcessBelow(this.#child?.pid);
      if (this.#leader === '') continue;
      const state = spawnSync('nsenter', ['-t', this.#leader, '-a', '-r', '-w', 'systemctl', 'is-system-running'], {
        encoding: 'utf8',
      });
      if (/running|degraded/.test(state.stdout)) return;
    }
    throw new Error(`${this.name} does not boot:\n${readFileSync(log, 'utf8').slice(-2_000)}`);
  }

  #isOn(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  cutPower = async (): Promise<void> => {
    const child = this.#child;
    if (child === undefined || !this.#isOn()) return;
    const gone = once(child, 'exit');
    // systemd-nspawn takes the cable away by itself.
    if (this.#leader === '') child.kill('SIGKILL');
    else process.kill(Number(this.#leader), 'SIGKILL');
    await gone;
    execFileSync('sh', ['-c', `${END_GROUP} end_group "$1"`, 'cut', this.#place.group], { stdio: 'ignore' });
    this.#child = undefined;
    this.#leader = '';
  };
}

/** The process that is number 1 of the machine below systemd-nspawn, empty until there is one; before it, others come and go. */
function firstProcessBelow(nspawn: number | undefined): string {
  const children = spawnSync('pgrep', ['-P', String(nspawn)], { encoding: 'utf8' }).stdout.split('\n');
  const isFirst = (pid: string) => {
    try {
      return pid !== '' && /^NSpid:.*\t1$/m.test(readFileSync(join('/proc', pid, 'status'), 'utf8'));
    } catch {
      return false; // It has ended since it was listed.
    }
  };
  return children.find(isFirst) ?? '';
}

/** Waits, at most three minutes, until a command line in a machine ends with success. */
export async function until(machine: Machine, line: string): Promise<void> {
  for (let attempt = 0; attempt < 360; attempt += 1) {
    if (machine.run(`if { ${line}; } >/dev/null; then echo yes; fi`) === 'yes\n') return;
    await sleep(500);
  }
  throw new Error(`${machine.name}: never came true: ${line}`);
}
