// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Duplex } from 'node:stream';
import { BackupError } from '@local-backup/common/errors';
import type { Client } from 'ssh2';

/** Callback of ssh2: an error, or the answer. */
export type Answer<T> = (error?: Error | null, value?: T) => void;

/**
 * A logged-in connection on which nothing can wait for ever. ssh2 forgets some callbacks when a connection is lost, so
 * every request goes through here: it ends with its answer, at its time limit, or when the link is over.
 */
export interface Link {
  /** `user@host:port`, for messages. */
  readonly label: string;
  readonly client: Client;
  /**
   * @param what completes "cannot ..." in messages: `open x.tar.gz`
   * @param limitMs after which the whole link is given up, because SFTP answers in order: what is stuck blocks the rest
   * @throws BackupError `failed`; its cause is the peer's error, if the peer answered with one
   */
  request<T>(what: string, limitMs: number, start: (answer: Answer<T>) => void): Promise<T>;
  /** The same without a time limit of its own, for callers that watch the time themselves. */
  wait<T>(what: string, start: (answer: Answer<T>) => void): Promise<T>;
  /** Bytes that have come in since the log-in. */
  received(): number;
  /** Ends the link; everything that waits is rejected with this error, and so is whatever comes later. */
  giveUp(error: Error): void;
  /** Never throws. */
  close(): Promise<void>;
}

/** How long to wait for the peer when saying goodbye, in milliseconds. */
const GOODBYE_MS = 1_000;

/** Takes over a client that has just logged in through `stream`. */
export function createLink(client: Client, stream: Duplex, label: string): Link {
  const waiting = new Set<(error: Error) => void>();
  let over: Error | undefined;
  let received = 0;

  const giveUp = (error: Error) => {
    if (over !== undefined) return;
    over = error;
    for (const reject of waiting) reject(error);
    waiting.clear();
    client.end();
    stream.destroy();
  };
  const wait = <T>(what: string, start: (answer: Answer<T>) => void) =>
    new Promise<T>((resolve, reject) => {
      if (stream.destroyed) giveUp(lostLink(label));
      if (over !== undefined) return reject(over);
      waiting.add(reject);
      const answer: Answer<T> = (error, value) => {
        waiting.delete(reject);
        if (error) reject(refused(label, what, error));
        else resolve(value as T);
      };
      try {
        start(answer);
      } catch (error) {
        answer(error as Error);
      }
    });
  const request = async <T>(what: string, limitMs: number, start: (answer: Answer<T>) => void) => {
    const timer = setTimeout(() => giveUp(noAnswer(label, what, limitMs)), limitMs);
    try {
      return await wait(what, start);
    } finally {
      clearTimeout(timer);
    }
  };
  const close = async () => {
    if (over !== undefined) return;
    const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
    client.end();
    const timer = setTimeout(() => stream.destroy(), GOODBYE_MS);
    await closed;
    clearTimeout(timer);
  };

  stream.on('data', (data: Buffer) => {
    received += data.length;
  });
  client.on('error', (error) => giveUp(lostLink(label, error)));
  client.on('end', () => giveUp(lostLink(label)));
  client.on('close', () => giveUp(lostLink(label)));
  return { label, client, request, wait, received: () => received, giveUp, close };
}

/** What a peer answered to a request (SFTP status code), if that is what went wrong. */
export function statusOf(error: unknown): unknown {
  const cause = error instanceof BackupError ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? cause.code : undefined;
}

/** The link is no longer usable because of `cause`. */
export function lostLink(label: string, cause?: Error): BackupError {
  const frozen = cause?.message === 'Keepalive timeout';
  const why = frozen ? 'it no longer answers keepalives' : (cause?.message ?? 'it closed the connection');
  return new BackupError('failed', `Lost the connection to ${label}: ${why}.`, cause === undefined ? {} : { cause });
}

function refused(label: string, what: string, cause: Error): BackupError {
  return new BackupError('failed', `${label}: cannot ${what}: ${cause.message}`, { cause });
}

function noAnswer(label: string, what: string, limitMs: number): BackupError {
  return new BackupError(
    'failed',
    `${label} did not answer within ${limitMs / 1000} s: could not ${what}. The connection was given up.`,
  );
}
