// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import { absolutePath, commandLine, duration, line, mailAddress, port, ruleAbout, wordsOf } from './values.ts';

/** How mail leaves this machine. Times in milliseconds. */
export type MailConfig =
  | {
      readonly transport: 'sendmail';
      /** Programs to hand the mail to, each with its first arguments; the first that exists is taken. */
      readonly commands: readonly (readonly string[])[];
      readonly from: string | undefined;
      readonly timeoutMs: number;
    }
  | {
      readonly transport: 'smtp';
      readonly host: string;
      readonly port: number;
      readonly tls: MailTls;
      readonly user: string | undefined;
      /** Mode 0600; read when a mail is sent. */
      readonly passwordFile: string | undefined;
      readonly from: string | undefined;
      readonly timeoutMs: number;
    };

/** `starttls` and `tls` both insist on encryption. */
export type MailTls = 'starttls' | 'tls' | 'none';

/** Registered ports: submission, submissions (RFC 8314), SMTP. */
const DEFAULT_PORT: Readonly<Record<MailTls, number>> = { starttls: 587, tls: 465, none: 25 };

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** The `mail:` section, the same on both sides. */
export const mailSchema = z
  .strictObject({
    transport: z
      .enum(['sendmail', 'smtp'])
      .prefault('sendmail')
      .describe('`sendmail` hands mail to a local program, `smtp` to a mail server.'),
    command: commandLine
      .optional()
      .describe('With `transport: sendmail`: the program; it gets the recipients as arguments, the mail as input.')
      .meta({ 'x-default': '`msmtp_cmd`, else `msmtp`, else `/usr/sbin/sendmail`', examples: ['/usr/bin/msmtp'] }),
    host: line
      .min(1)
      .optional()
      .describe('With `transport: smtp`: name or address of the mail server.')
      .meta({ examples: ['mail.example.org'] }),
    port: port
      .optional()
      .describe('Port of the mail server.')
      .meta({ 'x-default': '587 with starttls, 465 with tls, 25 with none', examples: [587] }),
    tls: z
      .enum(['starttls', 'tls', 'none'])
      .prefault('starttls')
      .describe('Encryption. `starttls` and `tls` insist on it and check the certificate.'),
    user: line
      .min(1)
      .optional()
      .describe('User name at the mail server.')
      .meta({ examples: ['backup@example.org'] }),
    password_file: absolutePath
      .optional()
      .describe('File that holds the password of `user` and nothing else: owned by root, mode 0600.')
      .meta({ examples: ['/etc/backup/mail.pass'] }),
    from: mailAddress
      .optional()
      .describe('Sender of the mails.')
      .meta({ 'x-default': '`root@` and the name of this machine', examples: ['backup@example.org'] }),
    timeout: duration({ min: '1s', max: '1h' }).prefault('30s').describe('Time limit for sending one mail.'),
  })
  .refine(
    ({ transport, host }) => transport !== 'smtp' || host !== undefined,
    ruleAbout('host', 'needed with `transport: smtp`'),
  )
  .refine(
    ({ transport, host }) => transport === 'smtp' || host === undefined,
    ruleAbout('host', 'must not be given without `transport: smtp`'),
  )
  .refine(
    ({ user, password_file }) => user === undefined || password_file !== undefined,
    ruleAbout('password_file', 'needed with `user`'),
  )
  .refine(
    ({ user, tls, host }) => user === undefined || tls !== 'none' || LOOPBACK.test(host ?? ''),
    ruleAbout('tls', 'must be `starttls` or `tls` where a password is sent to another machine'),
  );

export type MailSection = z.output<typeof mailSchema>;

/** The section with its defaults; `sendmailCommand` is `msmtp_cmd` as configured elsewhere, if it is. */
export function mailConfigOf(section: MailSection, sendmailCommand: readonly string[]): MailConfig {
  const { from, timeout: timeoutMs, host, tls, user, password_file: passwordFile } = section;
  if (section.transport === 'smtp' && host !== undefined) {
    return {
      transport: 'smtp',
      host,
      port: section.port ?? DEFAULT_PORT[tls],
      tls,
      user,
      passwordFile,
      from,
      timeoutMs,
    };
  }
  const chosen = [wordsOf(section.command ?? ''), sendmailCommand].find((words) => words.length > 0);
  return { transport: 'sendmail', commands: chosen ? [chosen] : [['msmtp'], ['/usr/sbin/sendmail']], from, timeoutMs };
}
