// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostRecord, RunRecord } from '../../packages/common/src/run-record.ts';
import { readTree } from './file-tree.ts';
import { descendantsOf, signalAll } from './process-tree.ts';
import { expectCode, type Running, type SystemLab, until } from './system-lab.ts';

const POLLS = 10_000;

/**
 * Stops a program (SIGSTOP, its children go on) at the moment at which something has come true.
 * @returns false when the program ended before that
 */
export async function freezeWhen({ child }: Running, isSo: () => boolean): Promise<boolean> {
  for (let poll = 0; poll < POLLS && child.exitCode === null && child.signalCode === null; poll += 1) {
    if (isSo()) return child.kill('SIGSTOP');
    await sleep(1);
  }
  return false;
}

/** Sends a signal to a program that is frozen, and lets it go on. */
export function thawWith({ child }: Running, signal: NodeJS.Signals): void {
  child.kill(signal);
  child.kill('SIGCONT');
}

/** SIGKILL to a program and everything that it has started: what systemd does to a unit, or a power cut. */
export function killWhole({ child }: Running): void {
  const pids = child.pid === undefined ? [] : [...descendantsOf(child.pid), child.pid];
  signalAll(pids, 'SIGSTOP');
  signalAll(pids, 'SIGKILL');
}

/** Names in a directory; none where it is missing. */
export function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}

/** Text that no compressor shortens much, different for each seed. */
export function noise(bytes: number, seed: string): Buffer {
  const blocks = Array.from({ length: Math.ceil(bytes / 64) }, (_, index) =>
    createHash('sha512').update(`${seed} ${index}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, bytes);
}

/** A service whose data is in `data/` of the lab, and what is in there. */
export function addData(lab: SystemLab, files: Readonly<Record<string, string | Buffer>>): void {
  mkdirSync(lab.at('data'), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(lab.at('data', name), content);
  lab.addService('web/app', `service: {name: app}\nfiles: {paths: [${lab.at('data')}]}\n`);
}

/** A new run of the client. Waits for the next second before, because archives are named after it. */
export async function makeNewArchive(lab: SystemLab): Promise<string> {
  const known = new Set([...namesIn(lab.spool), ...namesIn(join(lab.spool, 'done'))]);
  await until('the second is over', () => !known.has(`lab1-${stampNow()}.tar.gz`));
  await expectCode(0, lab.client('backup'));
  const made = lab.archives().filter((name) => !known.has(name));
  const [archive] = made;
  if (archive === undefined || made.length > 1) throw new Error(`not one new archive: ${made.join(', ')}`);
  return archive;
}

function stampNow(): string {
  return new Date().toISOString().replace(/[-:]/g, '').replace('T', '_').slice(0, 15);
}

/** Restores the newest snapshot and compares it with `data/`. @throws Error where they differ */
export async function expectRestored(lab: SystemLab, hostname = 'lab1'): Promise<void> {
  const target = join(mkdtempSync(lab.at('restored-')), 'tree');
  await expectCode(0, lab.server('restore', hostname, '--to', target));
  const restored = readTree(join(target, 'web/app/data', lab.at('data')));
  const source = readTree(lab.at('data'));
  if (source.length === 0) throw new Error('there is nothing to compare');
  const text = (tree: unknown) => JSON.stringify(tree, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
  if (text(restored) !== text(source)) throw new Error(`restored ${text(restored)}\ninstead of ${text(source)}`);
  rmSync(target, { recursive: true });
}

/** A second host of the same server: another spool behind the same sshd. */
export function addHost(lab: SystemLab, hostname: string, lines: readonly string[] = []): string {
  const spool = lab.at(`spool-${hostname}`);
  mkdirSync(join(spool, 'done'), { recursive: true, mode: 0o700 });
  const own = [
    ...[`hostname: ${hostname}`, 'address: 127.0.0.1', `port: ${lab.sshd.port}`, `ssh_user: ${lab.sshd.user}`],
    ...[`ssh_key_file: ${lab.sshd.clientKey}`, `known_hosts_file: [${lab.at('known_hosts')}]`],
    ...[`remote_tar_dir: ${spool}`, 'connect_timeout: 60s'],
  ].filter((line) => !lines.some((other) => other.startsWith(`${line.split(':')[0]}:`)));
  const text = [...own, ...lines].map((line, index) => `${index === 0 ? '  - ' : '    '}${line}\n`).join('');
  lab.write(lab.serverConfig, readFileSync(lab.serverConfig, 'utf8') + text);
  return spool;
}

/** What the newest run of the server says about a host. */
export function newestHost(lab: SystemLab, hostname = 'lab1'): HostRecord {
  const record = newestRun(lab).hosts.find(({ host }) => host === hostname);
  if (record === undefined) throw new Error(`the newest run says nothing about ${hostname}`);
  return record;
}

export function newestRun(lab: SystemLab, program: 'client' | 'server' = 'server'): RunRecord {
  const record = [...lab.records(program)].sort((a, b) => (a.started < b.started ? -1 : 1)).at(-1);
  if (record === undefined) throw new Error('no run has been recorded');
  return record;
}

/** The message of the step that failed, of a host of the newest run. */
export function failureOf(lab: SystemLab, hostname = 'lab1'): string {
  const steps = newestHost(lab, hostname).steps.filter(({ status }) => status === 'failed');
  return steps.map(({ message }) => message).join('\n');
}

/** Archives that are published, with a manifest that is true of them; @throws Error where one is not. */
export function wholeArchives(spool: string): string[] {
  const names = namesIn(spool);
  const published = names.filter((name) => /^lab\d-\d{8}_\d{6}\.tar\.gz$/.test(name) && names.includes(`${name}.json`));
  for (const name of published) {
    const { sha256, entryList } = JSON.parse(readFileSync(join(spool, `${name}.json`), 'utf8'));
    const hashOf = (file: string) =>
      createHash('sha256')
        .update(readFileSync(join(spool, file)))
        .digest('hex');
    if (hashOf(name) !== sha256) throw new Error(`${name} is not what its manifest says`);
    if (hashOf(entryList.name) !== entryList.sha256) throw new Error(`${entryList.name} is not what the manifest says`);
  }
  return published;
}

/** A small file system of its own; to be unmounted with what is returned. */
export function mountSmall(directory: string, options: string): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `mode=0700,${options}`, 'scenario', directory]);
  return () => execFileSync('umount', ['--lazy', directory]);
}

/** True when a process with this text in its command line is running. */
export function isRunningWith(text: string): boolean {
  return namesIn('/proc').some((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(text));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // It has ended since the directory was read.
  }
}
