// SPDX-License-Identifier: AGPL-3.0-or-later
import { hostname } from 'node:os';
import { loadCommonConfig } from '@local-backup/common/config/common-config';
import { mailConfigOf, mailSchema } from '@local-backup/common/config/mail';
import { toolsOf } from '@local-backup/common/config/tools';
import { describeError } from '@local-backup/common/errors';
import { createMailer } from '@local-backup/common/mail';
import { createToolbox } from '@local-backup/common/program';
import { commonConfigBeside, type GlobalOptions } from './session.ts';

/**
 * Tells the admin that no host at all is backed up because the configuration cannot be read. The address is in that very
 * configuration, so the one of common_config is taken; without it there are only the log and the exit code.
 */
export async function mailBrokenConfig(global: GlobalOptions, problem: unknown): Promise<void> {
  const { run, scrubber, log } = createToolbox({ level: 'warn', json: global.json ?? false, infoTo: process.stderr });
  const common = await loadCommonConfig(commonConfigBeside(global.config), process.env).catch(() => undefined);
  if (common?.adminEmail === undefined) return;
  const config = mailConfigOf(mailSchema.parse({}), toolsOf(common.commands).msmtp);
  const what = 'Backup Run COMPLETED WITH ERRORS';
  const subject = `[Backup Server] ${hostname()} - ${what}`;
  const text = `${what}: it could not begin, no host was backed up.\n\n${describeError(problem)}\n\nOnce mended: backup-server check; backup-server backup\n`;
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
