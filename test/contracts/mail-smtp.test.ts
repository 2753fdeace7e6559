// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MailConfig } from '../../packages/common/src/config/mail.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { createMailer, refusedRecipients } from '../../packages/common/src/mail.ts';
import { createScrubber } from '../../packages/common/src/redact.ts';

const MESSAGE = { to: 'admin@example.org', subject: 'Backup FAILED', text: 'Grüße\n' };
const PASSWORD = 'mail-canary';

let directory: string;
const cleanups: (() => Promise<void>)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mail-smtp-'));
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await rm(directory, { recursive: true });
});

function mailerFor(config: MailConfig) {
  const scrubber = createScrubber();
  return createMailer(config, { run: createRun(scrubber), scrubber, hostname: 'backup1' });
}

const bySmtp = (port: number, rest: Partial<Extract<MailConfig, { transport: 'smtp' }>> = {}): MailConfig => ({
  transport: 'smtp',
  host: '127.0.0.1',
  port,
  tls: 'none',
  user: undefined,
  passwordFile: undefined,
  from: 'backup@example.org',
  timeoutMs: 3_000,
  ...rest,
});

interface Received {
  readonly mails: { readonly recipients: string[]; readonly bytes: Buffer }[];
  readonly logins: string[];
}

/** A mail server on a free port; refuses recipients that are called nobody. */
async function startSmtp(options: { hideSTARTTLS?: boolean } = {}): Promise<{ port: number; received: Received }> {
  const received: Received = { mails: [], logins: [] };
  const server = new SMTPServer({
    authOptional: true,
    ...options,
    onAuth: ({ username, password }, _session, done) => {
      received.logins.push(`${username}:${password}`);
      if (password === PASSWORD) done(null, { user: username });
      else done(new Error(`wrong password ${password}`));
    },
    onRcptTo: ({ address }, _session, done) => done(address.startsWith('nobody') ? new Error('no such user') : null),
    onData: (stream, session, done) => {
      const recipients = session.envelope.rcptTo.map(({ address }) => address);
      void buffer(stream).then((bytes) => {
        received.mails.push({ recipients, bytes });
        done();
      });
    },
  });
  // The client ends connections that it does not trust.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise<void>((resolve) => server.close(resolve)));
  return { port: (server.server.address() as AddressInfo).port, received };
}

/** A server that is not one: `greet` gets each connection. */
async function startStrange(greet: (write: (text: string) => void) => void): Promise<number> {
  const sockets: { destroy(): void }[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    greet((text) => socket.writable && socket.write(text));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

describe('mail by SMTP', () => {
  async function passwordFile(password: string): Promise<string> {
    const file = join(directory, 'mail.pass');
    await writeFile(file, `${password}\n`, { mode: 0o600 });
    return file;
  }

  it('delivers to every recipient', async () => {
    const { port, received } = await startSmtp({ hideSTARTTLS: true });
    await mailerFor(bySmtp(port)).send({ ...MESSAGE, to: 'a@example.org,b@example.org' });
    expect(received.mails.map(({ recipients }) => recipients)).toEqual([['a@example.org', 'b@example.org']]);
    expect(await simpleParser(received.mails[0]?.bytes ?? '')).toMatchObject({ text: MESSAGE.text });
  });

  it('is not content with some of the recipients', async () => {
    const { port } = await startSmtp({ hideSTARTTLS: true });
    const sent = mailerFor(bySmtp(port)).send({ ...MESSAGE, to: 'a@example.org,nobody@example.org' });
    const error = await sent.catch((reason: Error) => reason);
    expect(error).toHaveProperty('message', expect.stringContaining('it refused nobody@example.org; the others have'));
    expect(refusedRecipients(error)).toBe('nobody@example.org');
  });

  it('has to be sent again to all where none of the recipients has got it', async () => {
    const { port } = await startSmtp({ hideSTARTTLS: true });
    const sent = mailerFor(bySmtp(port)).send({ ...MESSAGE, to: 'nobody1@example.org,nobody2@example.org' });
    const error = await sent.catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: 'failed' });
    expect(refusedRecipients(error)).toBeUndefined();
  });

  it('refuses a server that offers no encryption, before it gets the password', async () => {
    const { port, received } = await startSmtp({ hideSTARTTLS: true });
    const login = { user: 'backup', passwordFile: await passwordFile(PASSWORD) };
    await expect(mailerFor(bySmtp(port, { tls: 'starttls', ...login })).send(MESSAGE)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining(`127.0.0.1:${port} did not take the mail to admin@example.org`),
    });
    expect(received).toEqual({ mails: [], logins: [] });
  });

  it('refuses a server whose certificate is not valid', async () => {
    const { port, received } = await startSmtp();
    await expect(mailerFor(bySmtp(port, { tls: 'starttls' })).send(MESSAGE)).rejects.toThrow(/certificate/);
    expect(received.mails).toEqual([]);
  });

  it('says that the password is wrong without telling it', async () => {
    const { port } = await startSmtp({ hideSTARTTLS: true });
    const login = { user: 'backup', passwordFile: await passwordFile('wrong-canary') };
    const error = await mailerFor(bySmtp(port, login))
      .send(MESSAGE)
      .catch((reason: Error) => reason);
    expect(error).toHaveProperty(
      'message',
      expect.stringMatching(/Check user "backup" and the password in .*mail\.pass/),
    );
    expect(String(error)).not.toContain('canary');
  });

  it.each([
    ['never greets', () => undefined],
    [
      'never ends its greeting',
      (write: (text: string) => void) => {
        const timer = setInterval(() => write('220-x\r\n'), 50);
        timer.unref();
        cleanups.push(async () => clearInterval(timer));
      },
    ],
  ])('gives up in time on a server that %s', async (_name, greet) => {
    const port = await startStrange(greet);
    const before = performance.now();
    await expect(mailerFor(bySmtp(port, { timeoutMs: 1_000 })).send(MESSAGE)).rejects.toMatchObject({ code: 'failed' });
    expect(performance.now() - before).toBeLessThan(4_000);
  });

  it('says that nobody listens', async () => {
    const { port } = await startSmtp();
    for (const cleanup of cleanups.splice(0)) await cleanup();
    await expect(mailerFor(bySmtp(port)).send(MESSAGE)).rejects.toThrow(/ECONNREFUSED/);
  });
});
