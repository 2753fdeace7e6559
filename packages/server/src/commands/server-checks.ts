// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { access, lstat, statfs } from 'node:fs/promises';
import { showControls } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import { createMailer } from '@local-backup/common/mail';
import type { RunRecord } from '@local-backup/common/run-record';
import { requireMailProgram } from '@local-backup/common/sendmail';
import { lookAtTimers } from '@local-backup/common/timers';
import type { Check, Finding } from '../check-list.ts';
import { requireVersion } from '../stores/restic/version.ts';
import { SERVER_TIMERS } from './init-timers.ts';
import { lookAtKit } from './kit-check.ts';
import type { Session } from './session.ts';
import { lookAtSpace, maintenanceFinding } from './upkeep-checks.ts';

/** Below this many free bytes there is no room for the archive of an ordinary host. */
const LITTLE_SPACE_BYTES = 1024 ** 3;

/** Programs are only asked for their version. */
const VERSION_TIMEOUT_MS = 60_000;

export interface ServerCheckOptions {
  /** The records of earlier runs. */
  readonly runs: readonly RunRecord[];
  readonly sendTestMail: boolean;
}

/** What a run relies on beside the hosts. */
export function serverChecks(session: Session, { runs, sendTestMail }: ServerCheckOptions): readonly Check[] {
  const { config, run, signal, now } = session;
  const check = (name: string, work: () => Promise<Finding>): Check => ({ about: 'server', name, work });
  const [restic = 'restic', ...words] = config.restic.command;
  return [
    check('configuration', async () => {
      if (config.warnings.length > 0) return { warning: config.warnings.join('\n') };
      return `hosts that can be used: ${config.hosts.length}`;
    }),
    check('local_temp_base_dir', () => requireDirectory(config.localTempBaseDir)),
    check('live_dir', () => lookAtLiveDirectory(config.liveDir)),
    check('restic', async () => {
      const { stdout } = await run(restic, [...words, 'version'], { timeoutMs: VERSION_TIMEOUT_MS, signal });
      requireVersion(stdout, restic);
      return stdout.trim();
    }),
    check('mail', () => lookAtMail(config.mail)),
    ...(sendTestMail ? [check('test mail', () => testMail(session))] : []),
    check('space for archives', () => lookAtSpace(config, runs)),
    check('maintenance', async () => maintenanceFinding(runs, now())),
    check('timers', () => lookAtTimers(SERVER_TIMERS, { run, signal })),
    check('recovery kit', () => lookAtKit(session)),
  ];
}

/**
 * The directory where archives are put while they are fetched must exist: created on the fly it would fill the wrong
 * disk when its own is not mounted.
 */
export async function requireDirectory(directory: string): Promise<Finding> {
  try {
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be written to';
    throw new BackupError(
      'config',
      `${directory} ${reason}. Mount its disk, or create it: install -d -m 0700 ${directory}`,
      { cause },
    );
  }
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  const text = `${directory}, ${formatBytes(free)} free`;
  return free < LITTLE_SPACE_BYTES ? { warning: `${text}: hardly an archive fits in there.` } : text;
}

/** Created by the first run; set-uid files of hosts are in there, so nobody else may enter it. */
async function lookAtLiveDirectory(directory: string): Promise<Finding> {
  const found = await lstat(directory).catch(() => undefined);
  if (found === undefined) return `${directory} will be created by the first run`;
  if ((found.mode & 0o077) === 0 && found.uid === 0) return directory;
  return {
    failed: `${directory} can be entered by others. Run: chown root:root ${directory}; chmod 0700 ${directory}`,
  };
}

/** The mail server is not called: one that is down at noon may be up at night. */
async function lookAtMail(mail: Session['config']['mail']): Promise<Finding> {
  if (mail.transport === 'smtp') return `by SMTP to ${mail.host}:${mail.port}, ${mail.tls}`;
  return `by ${(await requireMailProgram(mail.commands)).join(' ')}`;
}

/** @throws BackupError where the mail was not taken */
async function testMail({ config, run, scrubber, now }: Session): Promise<Finding> {
  const { adminEmail: to, emailSubjectPrefix, hostname, mail } = config;
  const mailer = createMailer(mail, { run, scrubber, hostname, now });
  const subject = showControls(`${emailSubjectPrefix} ${hostname} - Test`.trim());
  await mailer.send({
    to,
    subject,
    text: 'Mails of backup-server arrive. Nothing has happened: somebody has asked for this one.\n',
  });
  return `sent to ${showControls(to)}; see whether it arrives`;
}
