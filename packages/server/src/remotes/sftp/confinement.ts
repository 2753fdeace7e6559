// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { ClientChannel } from 'ssh2';
import type { SshTarget } from '../../config/host.ts';
import { type ConnectOptions, connectSsh } from './connect.ts';
import { type Answer, type Link, statusOf } from './link.ts';
import { closeQuietly, startSftp } from './session.ts';

/** What a login can do beyond fetching files. Everything is false where it is locked up as it should be. */
export interface Confinement {
  readonly runsCommands: boolean;
  readonly hasShell: boolean;
  /** Connections of its own go through the host, into the network behind it. */
  readonly forwards: boolean;
  /** It may change /etc/passwd, and so everything else. */
  readonly isRoot: boolean;
}

/** Printed by whatever interprets it; the words as they are sent do not hold the marker, so an echo does not count. */
const COMMAND = "printf 'backup-server-%s' check";
const MARKER = 'backup-server-check';

/** How much of an answer is looked at, and how long it may take. */
const MOST_CHARACTERS = 64 * 1024;
const ANSWER_MS = 10_000;

/** Of RFC 4254 §5.1: "administratively prohibited", and "unknown channel type" of a server that cannot forward at all. */
const NOT_TRIED: readonly number[] = [1, 3];

/** Whether connections go through a host that has refused one for this reason: 2 means that nobody listened there. */
export function forwardsAfter(reason: number): boolean {
  return !NOT_TRIED.includes(reason);
}

/**
 * Tries what a login must not be able to do. Changes nothing on the host.
 * @throws BackupError as `connectSftp` does; what the host refuses is a good answer, not an error
 */
export async function probeConfinement(target: SshTarget, options: ConnectOptions): Promise<Confinement> {
  const limit = target.requestTimeoutMs;
  // A link for each: a server that allows one session at a time would refuse the second one because of the first.
  const isRoot = await withLink(target, options, (link) => changesPasswd(link, limit));
  const runsCommands = await withLink(target, options, (link) =>
    obeys(link, limit, '', (answer) => link.client.exec(COMMAND, answer)),
  );
  const hasShell = await withLink(target, options, (link) =>
    obeys(link, limit, `${COMMAND}\nexit\n`, (answer) => link.client.shell(false, answer)),
  );
  const isForwarding = await withLink(target, options, (link) => forwards(link, target));
  return { isRoot, runsCommands, hasShell, forwards: isForwarding };
}

async function withLink<Result>(
  target: SshTarget,
  options: ConnectOptions,
  work: (link: Link) => Promise<Result>,
): Promise<Result> {
  const link = await connectSsh(target, options);
  try {
    return await work(link);
  } finally {
    await link.close();
  }
}

/** Opened for writing, and closed again: nothing is written. */
async function changesPasswd(link: Link, limit: number): Promise<boolean> {
  const session = await startSftp(link, limit);
  try {
    const what = 'open /etc/passwd for writing';
    const handle = await session.ask<Buffer>(what, (sftp, answer) => sftp.open('/etc/passwd', 'r+', answer));
    await closeQuietly(session, handle);
    return true;
  } catch (error) {
    if (typeof statusOf(error) !== 'number') throw error;
    return false;
  }
}

/** Does what is on the other side of a channel do what it is told? */
async function obeys(
  link: Link,
  limit: number,
  input: string,
  open: (answer: Answer<ClientChannel>) => void,
): Promise<boolean> {
  const channel = await link.request<ClientChannel>('open a channel', limit, open).catch(() => undefined);
  if (channel === undefined) return refusedAlive(link, limit);
  channel.on('error', () => undefined);
  channel.stderr.resume();
  channel.end(input);
  return new Promise((resolve) => {
    let seen = '';
    const timer = setTimeout(() => finish(), ANSWER_MS);
    const finish = () => {
      clearTimeout(timer);
      channel.destroy();
      resolve(seen.includes(MARKER));
    };
    channel.on('data', (data: Buffer) => {
      seen += data.toString('latin1');
      if (seen.includes(MARKER) || seen.length > MOST_CHARACTERS) finish();
    });
    channel.once('close', finish);
  });
}

/** A refusal counts only where the link still answers. @throws BackupError where it was lost */
async function refusedAlive(link: Link, limit: number): Promise<false> {
  await startSftp(link, limit);
  return false;
}

async function forwards(link: Link, { requestTimeoutMs, port }: SshTarget): Promise<boolean> {
  try {
    const channel = await link.request<ClientChannel>('open a connection through it', requestTimeoutMs, (answer) =>
      link.client.forwardOut('127.0.0.1', 0, '127.0.0.1', port, answer),
    );
    channel.on('error', () => undefined);
    channel.destroy();
    return true;
  } catch (error) {
    const refusal = error instanceof BackupError ? error.cause : undefined;
    const { reason } = (refusal ?? {}) as { readonly reason?: unknown };
    if (typeof reason !== 'number') throw error;
    return forwardsAfter(reason);
  }
}
