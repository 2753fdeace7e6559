// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { isUnfinishedName, readJson, writeFileAtomic } from '@local-backup/common/atomic-file';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { withInstanceLock } from '@local-backup/common/instance-lock';
import type { Log } from '@local-backup/common/log';
import * as z from 'zod';

const queuedSchema = z.strictObject({
  format: z.literal(1),
  /** When it was first tried. */
  queued: z.iso.datetime(),
  kind: z.enum(['summary', 'host']),
  to: z.string(),
  subject: z.string(),
  text: z.string(),
  html: z.string().optional(),
  important: z.boolean(),
});

/** A mail that could not be sent. */
export type QueuedMail = Omit<z.infer<typeof queuedSchema>, 'format'>;

/** Mails that wait on disk, each a file that only its owner can read: a mail server that is down loses none. */
export interface Outbox {
  /**
   * Keeps a mail. Of too many the oldest summary goes, else the oldest mail, and the log tells it.
   * @throws BackupError `failed` where it cannot be written
   */
  readonly add: (mail: QueuedMail) => Promise<void>;
  /**
   * Sends what waits, oldest first, but those that were tried before come last: a mail or a recipient that nobody takes
   * keeps no other mail back. Killed in between, a mail may be sent twice, never lost; while another process is at it,
   * nothing is done. Like the delivery of outputs this is a place where errors end: each is told in the log.
   * @returns how many mails still wait, damaged ones included, and those that were given up
   */
  readonly sendAll: (send: (mail: QueuedMail) => Promise<void>, now: Date) => Promise<number>;
}

/** Mails that are kept at most, and for how long one is tried. */
const MOST_MAILS = 200;
const LONGEST_MS = 30 * 24 * 3_600_000;
/**
 * Whether a mail server is down need not be found out with every mail: that may cost its time limit each time. So of the
 * mails to one recipient no more are tried after this many in a row were refused, and after as many such recipients none.
 */
const MOST_FAILURES = 3;

/** The time of a file says when its mail was last tried; this of one that only waits. */
const UNTRIED = new Date(0);

/** Nothing is written for as long as this. */
const UNFINISHED_MS = 3_600_000;

const NAME = /^\d{17}-\d{4}-[0-9a-f]{8}\.json$/;

/** @param directory made when it is needed */
export function createOutbox(directory: string, log: Log): Outbox {
  let number = 0;
  return {
    add: async (mail) => {
      await makeDirectory(directory);
      number += 1;
      const time = mail.queued.replace(/\D/g, '').slice(0, 17);
      const name = `${time}-${String(number).padStart(4, '0')}-${randomBytes(4).toString('hex')}.json`;
      const content: z.infer<typeof queuedSchema> = { format: 1, ...mail };
      await writeFileAtomic(join(directory, name), `${JSON.stringify(content)}\n`, { mode: 0o600 });
      await utimes(join(directory, name), UNTRIED, UNTRIED).catch(() => undefined);
      await makeRoom(directory, log);
    },
    sendAll: async (send, now) => {
      try {
        if ((await namesIn(directory)).length === 0) return 0;
        const work = () => sendEach(directory, { send, now, log });
        return await withInstanceLock(join(directory, '.lock'), 'outbox', work);
      } catch (error) {
        // Whoever holds the lock is sending them.
        if (error instanceof BackupError && error.code === 'locked') return 0;
        log.error(`cannot send the mails that wait in ${directory}`, { error });
        return 1;
      }
    },
  };
}

async function makeDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new BackupError('failed', `Cannot keep mails in ${directory}: ${error.message}`, { cause: error });
  });
}

interface Sending {
  readonly send: (mail: QueuedMail) => Promise<void>;
  readonly now: Date;
  readonly log: Log;
}

async function sendEach(directory: string, sending: Sending): Promise<number> {
  await sweep(directory, sending.now);
  const failures: Failures = new Map();
  let waiting = 0;
  let untried = 0;
  for (const file of await untriedFirst(directory)) {
    const outcome = await sendOne(file, failures, sending);
    if (outcome !== 'sent') waiting += 1;
    if (outcome === 'untried') untried += 1;
  }
  if (untried > 0)
    sending.log.error(`${untried} more mails wait in ${directory}; they are tried again with the next run`);
  return waiting;
}

/** How many mails in a row each recipient's server has refused. */
type Failures = Map<string, number>;

function isHopeless(recipient: string, failures: Failures): boolean {
  const hopeless = [...failures].flatMap(([one, count]) => (count >= MOST_FAILURES ? one : []));
  return hopeless.includes(recipient) || hopeless.length >= MOST_FAILURES;
}

async function untriedFirst(directory: string): Promise<readonly string[]> {
  const files = (await namesIn(directory)).map((name) => join(directory, name));
  const tried = new Map<string, number>();
  for (const file of files) tried.set(file, (await stat(file).catch(() => undefined))?.mtimeMs ?? 0);
  return files.sort((a, b) => (tried.get(a) ?? 0) - (tried.get(b) ?? 0));
}

async function sendOne(
  file: string,
  failures: Failures,
  { send, now, log }: Sending,
): Promise<'sent' | 'refused' | 'untried' | 'damaged'> {
  const mail = await readJson(file, queuedSchema).catch((error: unknown) => {
    log.error(`a mail that waits is damaged; look into ${file} and remove it`, { error });
  });
  if (mail === undefined) return 'damaged';
  if (isHopeless(mail.to, failures)) return 'untried';
  const what = describeMail(mail);
  try {
    await send(mail);
  } catch (error) {
    failures.set(mail.to, (failures.get(mail.to) ?? 0) + 1);
    if (now.getTime() - new Date(mail.queued).getTime() <= LONGEST_MS) {
      await utimes(file, new Date(), new Date()).catch(() => undefined);
      log.error(`cannot deliver the waiting ${what}; it is tried again with the next run, or remove ${file}`, {
        error,
      });
      return 'refused';
    }
    log.error(`dropped after 30 days: ${what}`, { error });
    await rm(file, { force: true });
    return 'refused';
  }
  await rm(file, { force: true });
  failures.delete(mail.to);
  log.info(`sent the waiting ${what}, first tried ${mail.queued}`);
  return 'sent';
}

/** Failures of hosts are worth more than summaries: what these tell is in the run records as well. */
async function makeRoom(directory: string, log: Log): Promise<void> {
  for (;;) {
    const names = await namesIn(directory);
    if (names.length <= MOST_MAILS) return;
    const victim = (await oldestSummary(directory, names)) ?? names[0] ?? '';
    const mail = await readJson(join(directory, victim), queuedSchema).catch(() => undefined);
    await rm(join(directory, victim), { force: true });
    const what = mail === undefined ? `the damaged ${victim}` : describeMail(mail);
    log.error(`more than ${MOST_MAILS} mails wait in ${directory}; dropped ${what}`);
  }
}

async function oldestSummary(directory: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const mail = await readJson(join(directory, name), queuedSchema).catch(() => undefined);
    if (mail?.kind === 'summary') return name;
  }
  return undefined;
}

/** How many mails wait. @throws BackupError `failed` where that cannot be seen */
export async function countWaiting(directory: string): Promise<number> {
  return (await namesIn(directory)).length;
}

function describeMail({ subject, to }: QueuedMail): string {
  return showControls(`mail "${subject}" to ${to}`);
}

/** Oldest first. */
async function namesIn(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new BackupError('failed', `Cannot look for waiting mails in ${directory}: ${error.message}`, {
      cause: error,
    });
  });
  return names.filter((name) => NAME.test(name)).sort();
}

/** Removes what `kill -9` left of mails that were being written; a young one may be another process's at this moment. */
async function sweep(directory: string, now: Date): Promise<void> {
  for (const name of (await readdir(directory)).filter(isUnfinishedName)) {
    const file = join(directory, name);
    const age = now.getTime() - ((await stat(file).catch(() => undefined))?.mtimeMs ?? now.getTime());
    if (age > UNFINISHED_MS) await rm(file, { force: true });
  }
}
