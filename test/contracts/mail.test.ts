// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MailConfig } from '../../packages/common/src/config/mail.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { createMailer } from '../../packages/common/src/mail.ts';
import { createScrubber } from '../../packages/common/src/redact.ts';

const MESSAGE = { to: 'admin@example.org', subject: 'Backup FAILED', text: 'Grüße\n.\nend\n', important: true };
const PASSWORD = 'mail-canary';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mail-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

function mailerFor(config: MailConfig) {
  const scrubber = createScrubber();
  const now = () => new Date('2026-11-21T03:04:05Z');
  return createMailer(config, { run: createRun(scrubber), scrubber, hostname: 'backup1', now });
}

/** A program that writes down what it gets, as msmtp would be called. */
async function standIn(name: string, exit = 'exit 0'): Promise<string> {
  const file = join(directory, name);
  const script = `#!/bin/sh\nprintf '%s\\n' "$@" > ${file}.args\ncat > ${file}.input\nenv > ${file}.env\n${exit}\n`;
  await writeFile(file, script);
  await chmod(file, 0o755);
  return file;
}

const byProgram = (...commands: string[][]): MailConfig => ({
  transport: 'sendmail',
  commands,
  from: undefined,
  timeoutMs: 5_000,
});

describe('mail by a program', () => {
  it('hands over recipients as arguments and the mail as input, and no secrets in the environment', async () => {
    const program = await standIn('msmtp');
    process.env.RESTIC_PASSWORD = PASSWORD;
    await mailerFor(byProgram([program, '-a', 'work'])).send({ ...MESSAGE, to: 'admin@example.org, root' });
    delete process.env.RESTIC_PASSWORD;
    expect(await readFile(`${program}.args`, 'utf8')).toBe('-a\nwork\n-i\nadmin@example.org\nroot\n');
    expect(await readFile(`${program}.env`, 'utf8')).not.toContain(PASSWORD);
    const bytes = await readFile(`${program}.input`);
    expect(bytes.toString()).not.toContain('\r');
    const mail = await simpleParser(bytes);
    expect(mail).toMatchObject({ subject: 'Backup FAILED', text: 'Grüße\n.\nend\n', from: { text: 'root@backup1' } });
    expect(bytes.toString()).toMatch(/^To: admin@example.org, <root>$/m);
  });

  it('takes the first program that is there', async () => {
    const program = await standIn('sendmail');
    await mailerFor(byProgram(['no-such-msmtp'], [join(directory, 'none')], [program])).send(MESSAGE);
    expect(await readFile(`${program}.args`, 'utf8')).toBe('-i\nadmin@example.org\n');
  });

  it('says which programs are missing and what to do', async () => {
    await expect(mailerFor(byProgram(['no-such-msmtp'], ['/no/sendmail'])).send(MESSAGE)).rejects.toMatchObject({
      code: 'config',
      message: expect.stringMatching(/no-such-msmtp, \/no\/sendmail not found. Install it .*msmtp-mta/),
    });
  });

  it('fails when the program does, quoting what it said, and when it does not end', async () => {
    const refusing = await standIn('refusing', 'echo "account default not found" >&2; exit 78');
    await expect(mailerFor(byProgram([refusing])).send(MESSAGE)).rejects.toThrow(
      /The mail to admin@example.org was not sent: .*exit code 78\.\n {2}account default not found/,
    );
    const hanging = await standIn('hanging', 'sleep 60');
    await expect(mailerFor({ ...byProgram([hanging]), timeoutMs: 300 } as MailConfig).send(MESSAGE)).rejects.toThrow(
      'did not finish within 0.3 s',
    );
  });

  it.each(['', ' ', '-oQ/tmp', 'a b@example.org', 'a@example.org,', 'a@b\nBcc: c@d', '<a@b>'])(
    'refuses the recipient "%s"',
    async (to) => {
      const program = await standIn('msmtp');
      await expect(mailerFor(byProgram([program])).send({ ...MESSAGE, to })).rejects.toMatchObject({ code: 'config' });
    },
  );
});

describe('mail as a file', () => {
  const render = (message: Partial<typeof MESSAGE>) =>
    mailerFor(byProgram(['unused'])).renderEml({ ...MESSAGE, ...message });

  it('has the headers of an urgent mail in plain text', async () => {
    const head = (await render({})).toString().split('\r\n\r\n')[0]?.split('\r\n');
    expect(head).toEqual(
      expect.arrayContaining([
        'To: admin@example.org',
        'Subject: Backup FAILED',
        'Content-Type: text/plain; charset=utf-8',
        'X-Priority: 1 (Highest)',
        'Importance: High',
        'Auto-Submitted: auto-generated',
        'Date: Sat, 21 Nov 2026 03:04:05 +0000',
      ]),
    );
  });

  it('is not urgent unless told', async () => {
    expect((await render({ important: false })).toString()).not.toMatch(/^(X-Priority|Importance):/m);
  });

  it('keeps long lines and their indentation', async () => {
    const text = `  ${'word '.repeat(100)}end\n > quoted\n`;
    expect((await simpleParser(await render({ text }))).text).toBe(text);
  });

  it('lets no subject add headers and no text steer a terminal', async () => {
    const bytes = await render({ subject: 'x\r\nBcc: evil@example.org\r\n\r\nbody', text: 'a\x1b[2J\tb\n' });
    const mail = await simpleParser(bytes);
    expect(mail.subject).toBe('x\\x0d\\nBcc: evil@example.org\\x0d\\n\\x0d\\nbody');
    expect(mail.headers.has('bcc')).toBe(false);
    expect(mail.text).toBe('a\\x1b[2J\tb\n');
  });

  it('has text and HTML as alternatives, and each reader takes the one it can show', async () => {
    const scrubber = createScrubber();
    scrubber.add(PASSWORD);
    const mailer = createMailer(byProgram(['unused']), { run: createRun(scrubber), scrubber, hostname: 'h' });
    const html = `<p>${'w\u00f6rd '.repeat(100)}</p>\n<p>${PASSWORD} \x1b[2J</p>\n`;
    const bytes = await mailer.renderEml({ ...MESSAGE, html });
    expect(bytes.toString()).toMatch(
      /^Content-Type: multipart\/alternative;[\s\S]*text\/plain[\s\S]*text\/html; charset=utf-8/m,
    );
    expect(
      bytes
        .toString()
        .split('\r\n')
        .filter((line) => line.length > 78),
    ).toEqual([]);
    const mail = await simpleParser(bytes);
    expect(mail.text).toBe(MESSAGE.text);
    expect(mail.html).toContain('w\u00f6rd w\u00f6rd');
    expect(mail.html).not.toMatch(new RegExp(`${PASSWORD}|\x1b`));
  });

  it('contains no secrets', async () => {
    const scrubber = createScrubber();
    scrubber.add(PASSWORD);
    const mailer = createMailer(byProgram(['unused']), { run: createRun(scrubber), scrubber, hostname: 'h' });
    const bytes = await mailer.renderEml({ to: 'a@b', subject: `s ${PASSWORD}`, text: `t ${PASSWORD}` });
    expect(bytes.toString()).not.toContain(PASSWORD);
  });
});
