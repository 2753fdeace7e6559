// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { mailConfigOf, mailSchema } from './mail.ts';
import { parseConfig } from './parse.ts';

const read = (text: string, msmtp: string[] = []) => mailConfigOf(parseConfig(text, 'mail.yml', mailSchema), msmtp);

describe('sendmail', () => {
  it.each([
    ['', [], [['msmtp'], ['/usr/sbin/sendmail']]],
    ['', ['/opt/msmtp', '-a', 'x'], [['/opt/msmtp', '-a', 'x']]],
    ['command: /usr/sbin/sendmail -i', ['msmtp'], [['/usr/sbin/sendmail', '-i']]],
  ])('%j with msmtp_cmd %j', (text, msmtp, commands) => {
    expect(read(text, msmtp)).toEqual({ transport: 'sendmail', commands, from: undefined, timeoutMs: 30_000 });
  });
});

describe('smtp', () => {
  it.each([
    ['', 587, 'starttls'],
    ['tls: tls', 465, 'tls'],
    ['tls: none', 25, 'none'],
    ['port: 2525', 2_525, 'starttls'],
  ])('%j', (text, port, tls) => {
    expect(read(`transport: smtp\nhost: mail.example.org\n${text}`)).toMatchObject({ transport: 'smtp', port, tls });
  });
});

it.each([
  ['transport: smtp', 'host: is missing: needed with `transport: smtp`'],
  ['host: mail.example.org', 'host: must not be given without `transport: smtp`'],
  ['transport: smtp\nhost: a\nuser: u', 'password_file: is missing: needed with `user`'],
  ['transport: smtp\nhost: a\nuser: u\npassword_file: /p\ntls: none', 'tls: must be `starttls` or `tls`'],
  ['from: -oQ/tmp', 'from: must be a mail address'],
])('refuses %j', (text, complaint) => {
  expect(() => read(text)).toThrow(complaint);
});

it('a password may go unencrypted to this machine itself', () => {
  const text = 'transport: smtp\nhost: 127.0.0.1\nuser: u\npassword_file: /p\ntls: none';
  expect(read(text)).toMatchObject({ user: 'u', passwordFile: '/p' });
});
