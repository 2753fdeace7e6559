// SPDX-License-Identifier: AGPL-3.0-or-later
import { open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { loadCommonConfig } from '@local-backup/common/config/common-config';
import { mailConfigOf, mailSchema } from '@local-backup/common/config/mail';
import { toolsOf } from '@local-backup/common/config/tools';
import { describeError } from '@local-backup/common/errors';
import { createMailer, type MailMessage } from '@local-backup/common/mail';
import { createToolbox } from '@local-backup/common/program';
import { renderEarlyFailureMail, renderFailureMail } from '../failure-mail.ts';
import type { ClientRun } from '../run-client.ts';
import { type ClientSession, commonConfigBeside, type GlobalOptions } from './session.ts';

/** Of the log's end: what a mail takes, in bytes. */
const LOG_IN_MAIL = 200_000;

export interface FailedRun {
  /** Missing when the run did not come to its end. */
  readonly run: ClientRun | undefined;
  readonly error: unknown;
  readonly logFile: string;
}

/** Tells the admin that a run has failed. A mail that cannot be sent is an error in the log, nothing more. */
export async function mailFailure(session: ClientSession, { run, error, logFile }: FailedRun): Promise<void> {
  const { config, log, now } = session;
  const mail = renderFailureMail({
    hostname: config.hostname,
    subjectPrefix: config.emailSubjectPrefix,
    time: now(),
    error,
    services: run?.services ?? [],
    stuck: (run?.recovery.failed ?? []).map(({ message }) => message),
    published: run?.manifest?.archive,
    logFile,
    log: await lastBytes(logFile),
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
 * Tells the admin that the configuration cannot be read (C33): the address is in that configuration, so the one of
 * common_config is taken; without it there is only the exit code, and the server, which misses a new archive.
 */
export async function mailEarlyFailure(global: GlobalOptions, error: unknown): Promise<void> {
  const { run, scrubber, log } = createToolbox({ level: 'warn', json: global.json ?? false });
  const common = await loadCommonConfig(commonConfigBeside(global.config), process.env).catch(() => undefined);
  if (common?.adminEmail === undefined) return;
  const mail = mailConfigOf(mailSchema.parse({}), toolsOf(common.commands).msmtp);
  const mailer = createMailer(mail, { run, scrubber, hostname: hostname() });
  await attemptToSend(
    mailer.send,
    { to: common.adminEmail, important: true, ...renderEarlyFailureMail(hostname(), error) },
    log,
  );
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

async function lastBytes(file: string): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(LOG_IN_MAIL),
      0,
      LOG_IN_MAIL,
      Math.max(0, size - LOG_IN_MAIL),
    );
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}
