// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { showControls } from '@local-backup/common/byte-path';
import { loadCommonConfig } from '@local-backup/common/config/common-config';
import { mailConfigOf, mailSchema } from '@local-backup/common/config/mail';
import { toolsOf } from '@local-backup/common/config/tools';
import { BackupError, describeError, exitCodeOf } from '@local-backup/common/errors';
import { createMailer } from '@local-backup/common/mail';
import { createToolbox } from '@local-backup/common/program';
import { newRunId } from '@local-backup/common/run-store';
import { createPost } from './send-mail.ts';
import { commonConfigBeside, type GlobalOptions, type Session } from './session.ts';

/** A command that nobody watches. */
export type NightlyCommand = 'backup' | 'maintenance' | 'drill';

interface Words {
  /** As at the end of the subject of a summary. */
  readonly outcome: (problem: unknown) => string;
  /** What did not happen where the command could not even begin. */
  readonly nothing: string;
  /** What to look at, and what to do once it is mended. */
  readonly state: string;
}

const WORDS: Readonly<Record<NightlyCommand, Words>> = {
  backup: {
    outcome: () => 'Backup Run COMPLETED WITH ERRORS',
    nothing: 'no host was backed up',
    state: 'Which hosts are backed up: backup-server status',
  },
  maintenance: {
    outcome: (problem) => `Maintenance FAILED (Code: ${exitCodeOf(problem)})`,
    nothing: 'no repository was maintained',
    state: 'Nothing that was not done is lost: the next maintenance does it.',
  },
  drill: {
    outcome: () => 'Drill FAILED',
    nothing: 'no restore was proven',
    state: 'When each host was last proven: backup-server status',
  },
};

/** A wrong name or a second instance is answered to whoever typed it; nobody has to be woken. */
function isForAdmin(problem: unknown): boolean {
  return !(problem instanceof BackupError && (problem.code === 'usage' || problem.code === 'locked'));
}

/**
 * Tells the admin what ended a run before there was a summary: a directory that is missing, a disk that is full.
 */
export async function mailBrokenRun(
  session: Session,
  problem: unknown,
  saveMail: string | undefined,
  command: NightlyCommand = 'backup',
): Promise<void> {
  if (!isForAdmin(problem)) return;
  const { config, log, now } = session;
  const to = config.adminEmail;
  const { state } = WORDS[command];
  const outcome = WORDS[command].outcome(problem);
  const subject = showControls(`${config.emailSubjectPrefix} ${config.hostname} - ${outcome}`.trim());
  const text = `${outcome}: it ended without a summary.\n\n${describeError(problem)}\n\n${state}\nOnce mended: backup-server check; backup-server ${command}\n`;
  const post = createPost(session, { runId: newRunId(now(), randomBytes(4)), saveMail });
  await post.sendWaiting();
  try {
    await post.send({ to, subject, text, important: true });
  } catch (error) {
    log.error(`cannot deliver mail "${subject}" to ${to}`, { error });
  }
}

/**
 * Tells the admin that a command did nothing at all because the configuration cannot be read. The address is in that very
 * configuration, so the one of common_config is taken; without it there are only the log and the exit code.
 */
export async function mailBrokenConfig(
  global: GlobalOptions,
  problem: unknown,
  command: NightlyCommand = 'backup',
): Promise<void> {
  const { run, scrubber, log } = createToolbox({ level: 'warn', json: global.json ?? false, infoTo: process.stderr });
  const common = await loadCommonConfig(commonConfigBeside(global.config), process.env).catch(() => undefined);
  if (common?.adminEmail === undefined) return;
  const config = mailConfigOf(mailSchema.parse({}), toolsOf(common.commands).msmtp);
  const { nothing } = WORDS[command];
  const outcome = WORDS[command].outcome(problem);
  const subject = `[Backup Server] ${hostname()} - ${outcome}`;
  const text = `${outcome}: it could not begin, ${nothing}.\n\n${describeError(problem)}\n\nOnce mended: backup-server check; backup-server ${command}\n`;
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
