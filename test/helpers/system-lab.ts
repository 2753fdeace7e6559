// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { simpleParser } from 'mailparser';
import type { RunRecord } from '../../packages/common/src/run-record.ts';
import { makeKeyCheap } from './restic-key.ts';
import { type Sshd, type SshdOptions, startSshd } from './sshd.ts';

/** How a program has ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, for error messages of tests. */
  readonly output: string;
}

/** A program that is running. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

export interface LabOptions {
  readonly sshd?: SshdOptions;
  /** Lines for client_config.yml. */
  readonly client?: readonly string[];
  /** Lines below `global:` in server_config.yml, without indentation. */
  readonly global?: readonly string[];
  /** Lines below the host in server_config.yml, without indentation. */
  readonly host?: readonly string[];
  /** Address and port that the server connects to instead of sshd's own: a proxy. */
  readonly port?: number;
}

/** A mail as its reader sees it. */
export interface ReadMail {
  readonly subject: string;
  readonly to: string;
  readonly text: string;
}

/** One of `restic snapshots --json`. */
export interface ResticSnapshot {
  readonly id: string;
  readonly hostname: string;
  readonly tags: readonly string[];
  readonly paths: readonly string[];
}

const PROGRAM_TIME_LIMIT_MS = 180_000;

/**
 * A client and a server as an admin has them, below one temporary directory: both bundles, a real sshd locked to SFTP,
 * restic, mail delivered into files. `npm run build` has to have been run (the `scenarios` project does so).
 */
export async function createSystemLab(options: LabOptions = {}) {
  const root = mkdtempSync(join(tmpdir(), 'lab-'));
  const at = (...names: string[]) => join(root, ...names);
  const sshd = await startSshd({ forceInternalSftp: true, restrict: true, ...options.sshd });
  const write = (path: string, text: string, mode = 0o600) => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, text, { mode });
  };
  for (const name of ['spool', 'mail', 'temp', 'repositories']) mkdirSync(at(name), { mode: 0o700 });
  // The admin's account of a machine without a mail server: the mail becomes a file.
  write(at('deliver'), `#!/bin/sh\nexec cat > "${at('mail')}/$(date +%s%N).eml"\n`, 0o700);
  write(at('password'), 'correct horse battery staple\n');
  const lab = {
    root,
    at,
    sshd,
    spool: at('spool'),
    clientConfig: at('client_config.yml'),
    serverConfig: at('server_config.yml'),
    repository: at('repositories', 'lab1'),
    live: at('server-state', 'live', 'lab1'),
    write,
    configure(changed: LabOptions = options): void {
      write(at('client_config.yml'), clientConfig(root, changed));
      write(at('server_config.yml'), serverConfig(root, sshd, changed));
    },
    /** Writes `services/<type>/<name>/service.yaml`. */
    addService: (path: string, yaml: string) => write(at('services', path, 'service.yaml'), yaml),
    /** Starts `backup-client` with these arguments. */
    startClient: (...args: string[]) => startProgram('client', ['-c', at('client_config.yml'), ...args]),
    startServer: (...args: string[]) => startProgram('server', ['-c', at('server_config.yml'), ...args]),
    client: (...args: string[]): Promise<Ended> => lab.startClient(...args).ended,
    server: (...args: string[]): Promise<Ended> => lab.startServer(...args).ended,
    /** Creates the repository and pins the host key. */
    init: (): Promise<Ended> => expectCode(0, lab.server(...initOf(sshd))).then(opened(lab.repository, at('password'))),
    /** Names of the archives in the spool, oldest first. */
    archives: (directory = at('spool')): string[] => archivesIn(directory),
    mails: (): string[] =>
      readdirSync(at('mail'))
        .sort()
        .map((name) => readFileSync(at('mail', name), 'utf8')),
    /** Decodes the mails that have come, oldest first, and empties the mailbox. */
    takeMails: () => takeMails(at('mail')),
    /** What is in the repository, asked from restic itself. Oldest first. */
    snapshots: () => snapshotsIn(lab.repository, at('password')),
    /** Records of a program, oldest first. */
    records: (program: 'client' | 'server'): RunRecord[] => recordsIn(at(`${program}-state`, 'runs')),
    async remove(): Promise<void> {
      await sshd.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
  lab.configure();
  return lab;
}

const initOf = (sshd: Sshd) => ['init', 'lab1', '--accept-host-key', fingerprint(sshd)];

/** Makes the new repository one that is opened in a moment. */
const opened = (repository: string, passwordFile: string) => (ended: Ended) => {
  makeKeyCheap(repository, readFileSync(passwordFile, 'utf8').trim());
  return ended;
};

export type SystemLab = Awaited<ReturnType<typeof createSystemLab>>;

/** The end of a program that has to end with this exit code. @throws Error with everything that it wrote */
export async function expectCode(code: number, ended: Promise<Ended>): Promise<Ended> {
  const end = await ended;
  if (end.code !== code) throw new Error(`exit code ${end.code} (${end.signal}) instead of ${code}:\n${end.output}`);
  return end;
}

function clientConfig(root: string, { client = [] }: LabOptions): string {
  return [
    `base_backup_dir: ${root}/spool`,
    'backup_user: root\nbackup_group: root\nadmin_email: admin@example.org\nkeep_days: 7\nhostname: lab1',
    `service_dir: ${root}/services\nstate_dir: ${root}/client-state\nlock_dir: ${root}/client-state`,
    `mail: { command: ${root}/deliver }\nmin_free_space_mb: 1`,
    ...client,
    '',
  ].join('\n');
}

function serverConfig(root: string, sshd: Sshd, { global = [], host = [], port = sshd.port }: LabOptions): string {
  return [
    'global:',
    `  admin_email: admin@example.org\n  local_temp_base_dir: ${root}/temp`,
    `  state_dir: ${root}/server-state\n  lock_dir: ${root}/server-state`,
    ...global.map((line) => `  ${line}`),
    `mail: { command: ${root}/deliver }`,
    `restic:\n  repository_root: ${root}/repositories\n  password_file: ${root}/password`,
    `hosts:\n  - hostname: lab1\n    address: 127.0.0.1\n    port: ${port}\n    ssh_user: ${sshd.user}`,
    `    ssh_key_file: ${sshd.clientKey}\n    known_hosts_file: [${root}/known_hosts]\n    remote_tar_dir: ${root}/spool`,
    // A handshake takes its time on a machine that is busy with other tests.
    ...(host.some((line) => line.startsWith('connect_timeout')) ? [] : ['    connect_timeout: 60s']),
    ...host.map((line) => `    ${line}`),
    '',
  ].join('\n');
}

/** Where the bundle of a program is. */
export function bundleOf(program: 'client' | 'server'): string {
  return resolve(`packages/${program}/dist/backup-${program}.cjs`);
}

/** Starts a program with nothing but these arguments. */
export function startProgram(
  program: 'client' | 'server',
  args: readonly string[],
  options: Pick<SpawnOptions, 'uid' | 'gid' | 'env' | 'cwd'> & { readonly bundle?: string } = {},
): Running {
  const { bundle = bundleOf(program), ...settings } = options;
  const child = spawn(process.execPath, [bundle, ...args], {
    ...settings,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PROGRAM_TIME_LIMIT_MS,
  });
  const texts = { stdout: '', stderr: '', output: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
      texts.output += text;
    });
  }
  const ended = new Promise<Ended>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) => done({ code, signal, ...texts }));
  });
  return { child, ended };
}

async function takeMails(directory: string): Promise<readonly ReadMail[]> {
  const mails: ReadMail[] = [];
  for (const name of readdirSync(directory).sort()) {
    const { subject = '', to, text = '' } = await simpleParser(readFileSync(join(directory, name)));
    mails.push({ subject, to: to?.text ?? '', text });
    rmSync(join(directory, name));
  }
  return mails;
}

function snapshotsIn(repository: string, passwordFile: string): ResticSnapshot[] {
  const words = ['-r', repository, '-p', passwordFile, '--no-cache', 'snapshots', '--json'];
  return JSON.parse(execFileSync('restic', words, { encoding: 'utf8' }));
}

/** Waits for something that a program does. @throws Error after half a minute */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (await isSo()) return;
    await sleep(50);
  }
  throw new Error(`waited in vain for: ${what}`);
}

/** Waits for the next second to begin: archives of one second have the same name. */
export async function nextSecond(): Promise<void> {
  await sleep(1_000 - (Date.now() % 1_000));
}

function fingerprint(sshd: Sshd): string {
  const key = Buffer.from(sshd.hostKeys.ed25519?.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

function archivesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /^lab1-\d{8}_\d{6}\.tar\.gz$/.test(name))
    .sort();
}

/** By their start: the names of two runs in one second are in no order. */
function recordsIn(directory: string): RunRecord[] {
  return readdirSync(directory)
    .map((name): RunRecord => JSON.parse(readFileSync(join(directory, name), 'utf8')))
    .sort((a, b) => (a.started < b.started ? -1 : 1));
}
