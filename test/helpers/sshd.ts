// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SshTarget } from '../../packages/server/src/config/host.ts';
import { descendantsOf, signalAll } from './process-tree.ts';

export type KeyType = 'ed25519' | 'ecdsa' | 'rsa';

export interface SshdOptions {
  /** Account to log in as; the one that runs the tests unless told. Others (`backup`, `nobody`) need root. */
  readonly user?: string;
  readonly hostKeyTypes?: readonly KeyType[];
  readonly clientKeyType?: KeyType;
  /** Encrypts the client's key. */
  readonly passphrase?: string;
  /** Locks the account to `internal-sftp`: no shell, no command. */
  readonly forceInternalSftp?: boolean;
  /** ChrootDirectory: root-owned and below no directory that others can write to (so never below /tmp). */
  readonly chroot?: string;
  /** Puts `restrict` in front of the key in authorized_keys. */
  readonly restrict?: boolean;
  /** False: the server has no SFTP subsystem. */
  readonly sftp?: boolean;
  /** False: no TCP forwarding, so it cannot serve as a jump host. */
  readonly forwarding?: boolean;
  /** More lines of sshd_config. */
  readonly config?: readonly string[];
}

export interface Sshd {
  readonly port: number;
  readonly user: string;
  /** Public host keys by type, as in known_hosts: `ssh-ed25519 AAAA...`. */
  readonly hostKeys: Readonly<Partial<Record<KeyType, string>>>;
  /** Pins every host key of this server as `[127.0.0.1]:port`. */
  readonly knownHostsFile: string;
  /** Private key file (0600) that may log in; the public one is beside it as `.pub`. */
  readonly clientKey: string;
  /** Temporary directory of this server, removed by `stop`. */
  readonly directory: string;
  /** What the server programs log in with; short time limits. */
  target(overrides?: Partial<SshTarget>): SshTarget;
  /** Process ids of the sessions that are open. */
  sessions(): readonly number[];
  /** SIGKILL to every session: the link is lost. The server goes on and takes new connections. */
  killSessions(): void;
  /** SIGSTOP to every session: the peer is silent while its connection stays. `thawSessions` lets them go on. */
  freezeSessions(): void;
  thawSessions(): void;
  /** What sshd wrote so far (LogLevel VERBOSE). */
  log(): string;
  stop(): Promise<void>;
}

/** Starts a real sshd on 127.0.0.1 with throw-away keys. @throws Error with sshd's log when it does not come up. */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const directory = mkdtempSync(join(tmpdir(), 'sshd-'));
  // The account logged in to reads authorized_keys with its own rights.
  chmodSync(directory, 0o755);
  const user = options.user ?? userInfo().username;
  const hostKeys = makeHostKeys(directory, options.hostKeyTypes ?? ['ed25519']);
  const clientKey = makeKey(join(directory, 'client'), options.clientKeyType ?? 'ed25519', options.passphrase);
  const publicKey = readFileSync(`${clientKey}.pub`, 'utf8');
  writeFileSync(join(directory, 'authorized_keys'), `${options.restrict ? 'restrict ' : ''}${publicKey}`);
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const port = await freePort();
  writeFileSync(join(directory, 'sshd_config'), sshdConfig(directory, port, user, options));
  const running = await launch(directory, port);
  const knownHostsFile = join(directory, 'known_hosts');
  const lines = Object.values(hostKeys).map((key) => `[127.0.0.1]:${port} ${key}\n`);
  writeFileSync(knownHostsFile, lines.join(''));
  const sessions = () => descendantsOf(running.child.pid as number);
  return {
    port,
    user,
    hostKeys,
    knownHostsFile,
    clientKey,
    directory,
    target: (overrides = {}) => ({
      ...defaultTarget(port, user),
      keyFile: clientKey,
      knownHostsFiles: [knownHostsFile],
      ...overrides,
    }),
    sessions,
    killSessions: () => signalAll(sessions(), 'SIGKILL'),
    freezeSessions: () => signalAll(sessions(), 'SIGSTOP'),
    thawSessions: () => signalAll(sessions(), 'SIGCONT'),
    log: running.log,
    async stop() {
      signalAll(sessions(), 'SIGKILL');
      await end(running.child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Makes a key pair with ssh-keygen. @returns the private key's file. */
export function makeKey(file: string, type: KeyType, passphrase = ''): string {
  const bits = type === 'rsa' ? ['-b', '2048'] : [];
  execFileSync('ssh-keygen', ['-q', '-t', type, ...bits, '-N', passphrase, '-C', 'test', '-f', file]);
  return file;
}

/** Type and base64 of a key's public half, without the comment. */
export function publicKeyOf(file: string): string {
  return readFileSync(`${file}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
}

function makeHostKeys(directory: string, types: readonly KeyType[]): Partial<Record<KeyType, string>> {
  const keys: Partial<Record<KeyType, string>> = {};
  for (const type of types) {
    const file = makeKey(join(directory, `host_${type}`), type);
    keys[type] = publicKeyOf(file);
  }
  return keys;
}

function sshdConfig(directory: string, port: number, user: string, options: SshdOptions): string {
  const lines = [
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    ...(options.hostKeyTypes ?? ['ed25519']).map((type) => `HostKey ${join(directory, `host_${type}`)}`),
    `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
    'PidFile none',
    'LogLevel VERBOSE',
    // /tmp can be written to by everybody, which sshd would refuse.
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    `AllowUsers ${user}`,
    `AllowTcpForwarding ${options.forwarding === false ? 'no' : 'yes'}`,
    'MaxStartups 100',
    ...(options.sftp === false ? [] : ['Subsystem sftp internal-sftp']),
    ...(options.forceInternalSftp ? ['ForceCommand internal-sftp'] : []),
    ...(options.chroot === undefined ? [] : [`ChrootDirectory ${options.chroot}`]),
    ...(options.config ?? []),
  ];
  return `${lines.join('\n')}\n`;
}

function defaultTarget(port: number, user: string): SshTarget {
  return {
    address: '127.0.0.1',
    port,
    user,
    keyFile: undefined,
    passphraseFile: undefined,
    useAgent: false,
    knownHostsFiles: [],
    connectTimeoutMs: 60_000,
    requestTimeoutMs: 10_000,
    keepaliveIntervalMs: 1_000,
    keepaliveCountMax: 3,
    jump: undefined,
  };
}

async function launch(directory: string, port: number): Promise<{ child: ChildProcess; log: () => string }> {
  const config = join(directory, 'sshd_config');
  const sshd = ['/usr/sbin/sshd', '/usr/bin/sshd', '/usr/local/sbin/sshd'].find(existsSync);
  if (sshd === undefined) throw new Error('no sshd on this machine: install openssh-server');
  // OpenSSH 9.8 and newer lock addresses out after failed logins, which tests make on purpose; older ones lack the option.
  const penalties = ['-o', 'PerSourcePenalties=no'];
  const known = spawnSync(sshd, ['-t', '-f', config, ...penalties]).status === 0;
  const child = spawn(sshd, ['-D', '-e', '-f', config, ...(known ? penalties : [])], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-200_000);
  });
  for (let attempt = 0; attempt < 200; attempt++) {
    if (child.exitCode !== null) break;
    if (await greets(port)) return { child, log: () => log };
    await sleep(25);
  }
  await end(child);
  throw new Error(`sshd did not start on port ${port}:\n${log}`);
}

/** A free TCP port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 5_000 });
    const finish = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (data) => finish(data.toString('latin1').startsWith('SSH-')));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.once('timeout', () => finish(false));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await exited;
  clearTimeout(timer);
}
