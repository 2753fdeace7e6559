// SPDX-License-Identifier: AGPL-3.0-or-later
import { open, readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { loadCommonConfig } from '@local-backup/common/config/common-config';
import { type MailSection, mailConfigOf, mailSchema } from '@local-backup/common/config/mail';
import { valueAt } from '@local-backup/common/config/source';
import { toolsOf } from '@local-backup/common/config/tools';
import { readYaml } from '@local-backup/common/config/yaml-source';
import { describeError } from '@local-backup/common/errors';
import { createMailer, type MailMessage } from '@local-backup/common/mail';
import { createToolbox } from '@local-backup/common/program';
import { renderEarlyFailureMail, renderFailureMail } from '../failure-mail.ts';
import { placesIn } from '../places.ts';
import type { ClientRun } from '../run-client.ts';
import { type ClientSession, commonConfigBeside, type GlobalOptions } from './session.ts';

/** Of the log's end: what a mail takes, in bytes. */
const LOG_IN_MAIL = 200_000;

export interface FailedRun {
  /** Missing when the run did not come to its end. */
  readonly run: ClientRun | undefined;
  readonly error: unknown;
  /** Missing when it could not be written. */
  readonly logFile: string | undefined;
}

/** Tells the admin that a run has failed. A mail that cannot be sent is an error in the log, nothing more. */
export async function mailFailure(session: ClientSession, { run, error, logFile }: FailedRun): Promise<void> {
  const { config, log, now } = session;
  const tail = await lastBytes(logFile);
  const mail = renderFailureMail({
    hostname: config.hostname,
    subjectPrefix: config.emailSubjectPrefix,
    time: now(),
    error,
    services: run?.services ?? [],
    stuck: (run?.recovery.failed ?? []).map(({ message }) => message),
    published: run?.manifest?.archive,
    logFile,
    log: tail.text,
    logIsCut: tail.isCut,
  });
  const mailer = createMailer(config.mail, {
    run: session.run,
    scrubber: session.scrubber,
    hostname: config.hostname,
    now,
  });
  await attemptToSend(mailer.send, { to: config.adminEmail, important: true, ...mail }, log);
}

/**
 * Tells the admin that the configuration cannot be read (C33). The address is taken from that very file, as far as it
 * can be found, else from common_config; without any there is only the exit code, and the server, which misses a new
 * archive.
 */
export async function mailEarlyFailure(global: GlobalOptions, error: unknown): Promise<void> {
  const { run, scrubber, log } = createToolbox({ level: 'warn', json: global.json ?? false });
  const text = await readFile(global.config, 'utf8').catch(() => '');
  const common = await loadCommonConfig(commonConfigBeside(global.config), process.env).catch(() => undefined);
  const to = placesIn(text).adminEmail ?? common?.adminEmail;
  if (to === undefined) return log.warn('Nobody can be told by mail: no admin_email could be read.');
  const mail = mailConfigOf(mailSectionIn(text, global.config), toolsOf(common?.commands ?? {}).msmtp);
  const mailer = createMailer(mail, { run, scrubber, hostname: hostname() });
  await attemptToSend(mailer.send, { to, important: true, ...renderEarlyFailureMail(hostname(), error) }, log);
}

/** How mail is sent, where that part of the file is right; else the default, a local program. */
function mailSectionIn(text: string, file: string): MailSection {
  try {
    return mailSchema.parse(valueAt(readYaml(text, file).value, ['mail']) ?? {});
  } catch {
    // The file is known to be wrong: that is what the mail is about.
    return mailSchema.parse({});
  }
}

async function attemptToSend(
  send: (message: MailMessage) => Promise<void>,
  message: MailMessage,
  log: ClientSession['log'],
): Promise<void> {
  try {
    await send(message);
  } catch (error) {
    log.error(`The failure mail could not be sent to ${message.to}: ${describeError(error)}`);
  }
}

async function lastBytes(file: string | undefined): Promise<{ text: string; isCut: boolean }> {
  const handle = file === undefined ? undefined : await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return { text: '(there is no log: it could not be written)', isCut: false };
  try {
    const { size } = await handle.stat();
    const start = Math.max(0, size - LOG_IN_MAIL);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(LOG_IN_MAIL), 0, LOG_IN_MAIL, start);
    return { text: buffer.toString('utf8', 0, bytesRead), isCut: start > 0 };
  } finally {
    await handle.close();
  }
}
