// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { showControls } from '@local-backup/common/byte-path';
import { loadCommonConfig } from '@local-backup/common/config/common-config';
import { mailConfigOf, mailSchema } from '@local-backup/common/config/mail';
import { toolsOf } from '@local-backup/common/config/tools';
import { describeError } from '@local-backup/common/errors';
import { createMailer } from '@local-backup/common/mail';
import { createToolbox } from '@local-backup/common/program';
import { newRunId } from '@local-backup/common/run-store';
import { createSendMail } from './send-mail.ts';
import { commonConfigBeside, type GlobalOptions, type Session } from './session.ts';

/** As at the end of the subject of a summary. */
const OUTCOME = 'Backup Run COMPLETED WITH ERRORS';

/**
 * Tells the admin what ended a run before there was a summary: a directory that is missing, another instance, a disk
 * that is full.
 */
export async function mailBrokenRun(session: Session, problem: unknown, saveMail: string | undefined): Promise<void> {
  const { config, log, now } = session;
  const to = config.adminEmail;
  const subject = showControls(`${config.emailSubjectPrefix} ${config.hostname} - ${OUTCOME}`.trim());
  const text = `${OUTCOME}: it ended without a summary.\n\n${describeError(problem)}\n\nWhich hosts are backed up: backup-server status\nOnce mended: backup-server check; backup-server backup\n`;
  const send = createSendMail(session, { runId: newRunId(now(), randomBytes(4)), saveMail });
  try {
    await send({ to, subject, text, important: true });
  } catch (error) {
    log.error(`cannot deliver mail "${subject}" to ${to}`, { error });
  }
}

/**
 * Tells the admin that no host at all is backed up because the configuration cannot be read. The address is in that very
 * configuration, so the one of common_config is taken; without it there are only the log and the exit code.
 */
export async function mailBrokenConfig(global: GlobalOptions, problem: unknown): Promise<void> {
  const { run, scrubber, log } = createToolbox({ level: 'warn', json: global.json ?? false, infoTo: process.stderr });
  const common = await loadCommonConfig(commonConfigBeside(global.config), process.env).catch(() => undefined);
  if (common?.adminEmail === undefined) return;
  const config = mailConfigOf(mailSchema.parse({}), toolsOf(common.commands).msmtp);
  const subject = `[Backup Server] ${hostname()} - ${OUTCOME}`;
  const text = `${OUTCOME}: it could not begin, no host was backed up.\n\n${describeError(problem)}\n\nOnce mended: backup-server check; backup-server backup\n`;
  try {
    await createMailer(config, { run, scrubber, hostname: hostname() }).send({
      to: common.adminEmail,
      subject,
      text,
      important: true,
    });
  } catch (error) {
    log.error(`cannot deliver mail "${subject}" to ${common.adminEmail}`, { error });
  }
}
