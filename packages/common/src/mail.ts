// SPDX-License-Identifier: AGPL-3.0-or-later
import { createTransport } from 'nodemailer';
import { showControls } from './byte-path.ts';
import { readSecretFile } from './config/file.ts';
import type { MailConfig } from './config/mail.ts';
import { BackupError } from './errors.ts';
import type { Run } from './exec.ts';
import { createDeadline } from './mail-deadline.ts';
import type { Scrubber } from './redact.ts';
import { sendByProgram } from './sendmail.ts';

export interface MailMessage {
  /** One address or several with commas between them; with `sendmail` also a local user. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  /** The same for readers that show HTML; both parts go out, and each reader chooses. */
  readonly html?: string | undefined;
  /** Marks the mail as urgent, for failures (C34). */
  readonly important?: boolean;
}

export interface Mailer {
  /**
   * Resolves when the program or server has taken the mail for every recipient.
   *
   * @throws BackupError `config` for what the admin has to set up, `failed` for a mail that was not taken
   */
  readonly send: (message: MailMessage) => Promise<void>;
  /** The mail as it would be sent, for a `.eml` file. */
  readonly renderEml: (message: MailMessage) => Promise<Buffer>;
}

export interface MailTools {
  readonly run: Run;
  /** Learns the password, and takes secrets out of subject and text. */
  readonly scrubber: Scrubber;
  /** Of this machine: for the sender's address where none is configured, and to introduce itself to the mail server. */
  readonly hostname: string;
  readonly now?: () => Date;
}

type SmtpConfig = Extract<MailConfig, { transport: 'smtp' }>;

/** Nothing in a message makes nodemailer read files or fetch addresses. */
const NO_ACCESS = { disableFileAccess: true, disableUrlAccess: true };

/** What sends mail as the configuration says. */
export function createMailer(config: MailConfig, tools: MailTools): Mailer {
  return {
    send: async (message) => {
      const recipients = recipientsOf(message.to);
      if (config.transport === 'smtp') return await sendBySmtp(config, message, tools);
      const bytes = await compose(config, message, { tools, newline: 'unix' });
      await sendByProgram(config, { bytes, recipients }, tools.run);
    },
    renderEml: (message) => compose(config, message, { tools, newline: 'windows' }),
  };
}

/** @throws BackupError `config` where there is none, or one that could be read as an option or as two */
function recipientsOf(to: string): string[] {
  const recipients = to.split(',').map((address) => address.trim());
  if (to.trim() === '') {
    throw new BackupError('config', 'Cannot send mail: no recipient is configured. Set `admin_email`.');
  }
  const wrong = recipients.find((address) => !/^[^\s\p{Cc}<>"-][^\s\p{Cc}<>"]*$/u.test(address));
  if (wrong === undefined) return recipients;
  throw new BackupError(
    'config',
    `Cannot send mail: "${showControls(wrong)}" is no mail address. Correct \`admin_email\`.`,
  );
}

async function compose(
  config: MailConfig,
  message: MailMessage,
  { tools, newline }: { readonly tools: MailTools; readonly newline: 'unix' | 'windows' },
): Promise<Buffer> {
  const transport = createTransport({ streamTransport: true, buffer: true, newline, ...NO_ACCESS });
  const { message: bytes } = await transport.sendMail(contentOf(config, message, tools));
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(String(bytes));
}

function contentOf(
  config: MailConfig,
  message: MailMessage,
  { scrubber, hostname, now = () => new Date() }: MailTools,
) {
  return {
    // As objects, because nodemailer leaves a bare user name without `@` out.
    from: { name: '', address: config.from ?? `root@${hostname}` },
    to: recipientsOf(message.to).map((address) => ({ name: '', address })),
    subject: showControls(scrubber.scrub(message.subject)),
    text: printable(scrubber.scrub(message.text)),
    ...(message.html === undefined ? {} : { html: printable(scrubber.scrub(message.html)) }),
    date: now(),
    // Keeps the lines as they are; the other encodings wrap and indent them.
    textEncoding: 'quoted-printable' as const,
    // No answer by a robot is wanted (RFC 3834).
    headers: { 'Auto-Submitted': 'auto-generated' },
    ...(message.important === true ? { priority: 'high' as const } : {}),
    ...NO_ACCESS,
  };
}

/** Nothing that steers a terminal reaches the reader; line breaks and tabs stay. */
function printable(text: string): string {
  return text.replace(/[^\n\t]+/g, showControls);
}

async function sendBySmtp(config: SmtpConfig, message: MailMessage, tools: MailTools): Promise<void> {
  const server = `${config.host}:${config.port}`;
  const auth = await credentialsOf(config, tools.scrubber);
  const deadline = createDeadline(config.timeoutMs);
  const transport = createTransport({
    host: config.host,
    port: config.port,
    name: tools.hostname,
    secure: config.tls === 'tls',
    // Without this a server, or somebody in between, that offers no STARTTLS would get the password in the clear.
    requireTLS: config.tls === 'starttls',
    ignoreTLS: config.tls === 'none',
    tls: { minVersion: 'TLSv1.2' },
    connectionTimeout: config.timeoutMs,
    greetingTimeout: config.timeoutMs,
    socketTimeout: config.timeoutMs,
    ...(auth === undefined ? {} : { auth }),
    ...NO_ACCESS,
  });
  try {
    const { rejected } = await deadline.race(transport.sendMail(contentOf(config, message, tools)));
    if (rejected.length > 0) throw refusal(rejected);
  } catch (error) {
    const reason = showControls(tools.scrubber.scrub(error instanceof Error ? error.message : String(error)));
    const text = `The mail server ${server} did not take the mail to ${showControls(message.to)}: ${reason}${hintFor(error, config)}`;
    throw new BackupError('failed', text, { cause: error });
  } finally {
    deadline.clear();
    transport.close();
  }
}

/** Only some of the recipients have the mail. */
function refusal(rejected: readonly (string | { readonly address: string })[]): Error {
  const refused = rejected.map((one) => (typeof one === 'string' ? one : one.address));
  return Object.assign(new Error(`it refused ${refused.join(', ')}; the others have the mail`), { refused });
}

/** The recipients that a mail still has to be sent to after an error of `send`; undefined: all of them. */
export function refusedRecipients(error: unknown): string | undefined {
  const cause: unknown = error instanceof BackupError ? error.cause : undefined;
  const { refused } = (cause ?? {}) as { refused?: unknown };
  return Array.isArray(refused) ? refused.join(', ') : undefined;
}

async function credentialsOf({ user, passwordFile }: SmtpConfig, scrubber: Scrubber) {
  if (user === undefined || passwordFile === undefined) return undefined;
  const pass = await readSecretFile(passwordFile);
  scrubber.add(pass);
  return { user, pass };
}

/** What to do about errors of nodemailer that do not say so themselves. */
function hintFor(error: unknown, { user, passwordFile, tls }: SmtpConfig): string {
  const { code } = error as { code?: unknown };
  if (code === 'EAUTH') return `. Check user "${user}" and the password in ${passwordFile}.`;
  if (code === 'ETLS')
    return `. It does not offer encryption as \`tls: ${tls}\` demands, or its certificate is not valid.`;
  return '';
}
