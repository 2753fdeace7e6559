// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '@local-backup/common/log';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createOutbox, type Outbox, type QueuedMail } from './outbox.ts';

const now = new Date('2026-11-21T04:00:00.000Z');

let directory: string;
let outbox: Outbox;
let told: string[];

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'outbox-')), 'outbox');
  told = [];
  outbox = createOutbox(directory, logTo(told));
});

afterEach(() => rm(join(directory, '..'), { recursive: true }));

/** A log whose lines can be looked at. */
function logTo(lines: string[]): Log {
  const add = (message: string) => void lines.push(message);
  return { debug: add, info: add, warn: add, error: add, child: () => logTo(lines) };
}

const mailOf = (subject: string, rest: Partial<QueuedMail> = {}): QueuedMail => ({
  queued: now.toISOString(),
  kind: 'summary',
  to: 'admin@example.org',
  subject,
  text: 'text\n',
  important: false,
  ...rest,
});

const waiting = async () => (await readdir(directory)).filter((name) => name.endsWith('.json')).sort();

/** Sends what waits; the subjects that arrive, and how many mails are left. */
async function sendAll(refuse: (mail: QueuedMail) => boolean = () => false, at = now) {
  const arrived: string[] = [];
  const left = await outbox.sendAll(async (mail) => {
    if (refuse(mail)) throw new Error('no route to the mail server');
    arrived.push(mail.subject);
  }, at);
  return { arrived, left };
}

test('nothing waits where there is no directory yet', async () => {
  expect(await sendAll()).toEqual({ arrived: [], left: 0 });
});

test('mails wait in files for their owner alone and are sent in the order in which they came', async () => {
  await outbox.add(mailOf('later', { queued: '2026-11-21T04:00:01.000Z' }));
  for (const subject of ['one', 'two', 'three']) await outbox.add(mailOf(subject, { html: '<p>x</p>' }));
  for (const name of await waiting()) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
  expect(await sendAll()).toEqual({ arrived: ['one', 'two', 'three', 'later'], left: 0 });
  expect(await waiting()).toEqual([]);
});

test('a mail that is refused waits on, the others go; of a server that is down not every mail is tried', async () => {
  for (const subject of ['one', 'two', 'three', 'four', 'five']) await outbox.add(mailOf(subject));
  expect(await sendAll((mail) => mail.subject === 'two')).toEqual({
    arrived: ['one', 'three', 'four', 'five'],
    left: 1,
  });
  for (const subject of ['six', 'seven', 'eight', 'nine']) await outbox.add(mailOf(subject));
  let tries = 0;
  const refuse = () => {
    tries += 1;
    return true;
  };
  expect(await sendAll(refuse)).toEqual({ arrived: [], left: 5 });
  expect(tries).toBe(3);
  expect(told.join()).toContain('2 more mails wait');
});

test('a recipient that is not there keeps no mail to others back', async () => {
  for (let number = 1; number <= 5; number += 1)
    await outbox.add(mailOf(`lost ${number}`, { to: 'nobody@example.org' }));
  for (const subject of ['one', 'two']) await outbox.add(mailOf(subject));
  expect(await sendAll(({ to }) => to !== 'admin@example.org')).toEqual({ arrived: ['one', 'two'], left: 5 });
});

test('mails that nobody takes keep no other back for longer than one run', async () => {
  for (const subject of ['large', 'larger', 'largest', 'small']) await outbox.add(mailOf(subject));
  const refuse = ({ subject }: QueuedMail) => subject.startsWith('large');
  expect(await sendAll(refuse)).toEqual({ arrived: [], left: 4 });
  expect(await sendAll(refuse)).toEqual({ arrived: ['small'], left: 3 });
});

test('two processes at the same time send each mail once', async () => {
  for (const subject of ['one', 'two', 'three']) await outbox.add(mailOf(subject));
  const arrived: string[] = [];
  const send = async (mail: QueuedMail) => {
    await new Promise((done) => setImmediate(done));
    arrived.push(mail.subject);
  };
  const other = createOutbox(directory, logTo(told));
  await Promise.all([outbox.sendAll(send, now), other.sendAll(send, now)]);
  expect(arrived).toEqual(['one', 'two', 'three']);
});

test('a mail that waits for more than 30 days is tried once more, then dropped, which is told and counts', async () => {
  const monthLater = new Date(now.getTime() + 31 * 86_400_000);
  await outbox.add(mailOf('old'));
  expect(await sendAll(() => false, monthLater)).toEqual({ arrived: ['old'], left: 0 });
  await outbox.add(mailOf('older'));
  expect(await sendAll(() => true, monthLater)).toEqual({ arrived: [], left: 1 });
  expect(told.join()).toContain('dropped after 30 days: mail "older" to admin@example.org');
  expect(await waiting()).toEqual([]);
});

test('of more than 200 mails the oldest summary goes, not the failure of a host, and the log tells it', async () => {
  await outbox.add(mailOf('host', { kind: 'host' }));
  for (let number = 1; number <= 200; number += 1) await outbox.add(mailOf(`summary ${number}`));
  const { arrived } = await sendAll();
  expect(arrived).toHaveLength(200);
  expect(arrived.slice(0, 2)).toEqual(['host', 'summary 2']);
  expect(told.join()).toContain('dropped mail "summary 1"');
});

test('a damaged mail is told and left for somebody to look at; what a killed process was writing goes', async () => {
  await outbox.add(mailOf('one'));
  const [name = ''] = await waiting();
  await writeFile(join(directory, name), (await readFile(join(directory, name), 'utf8')).slice(0, 40));
  await outbox.add(mailOf('two'));
  const unfinished = join(directory, '.x.json.0123456789ab.tmp');
  await writeFile(unfinished, 'half');
  await utimes(unfinished, now, new Date(now.getTime() - 2 * 3_600_000));
  expect(await sendAll()).toEqual({ arrived: ['two'], left: 1 });
  expect(told.join()).toContain(`a mail that waits is damaged; look into ${join(directory, name)}`);
  expect(await readdir(directory)).not.toContain('.x.json.0123456789ab.tmp');
});

test('what cannot be used as an outbox is told and counts as a mail that was not delivered', async () => {
  await writeFile(directory, 'a file');
  await expect(outbox.add(mailOf('one'))).rejects.toThrow(`Cannot keep mails in ${directory}: `);
  expect(await sendAll()).toEqual({ arrived: [], left: 1 });
  expect(told.join()).toContain(`cannot send the mails that wait in ${directory}`);
});
