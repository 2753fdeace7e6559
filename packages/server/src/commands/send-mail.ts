// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '@local-backup/common/atomic-file';
import { createMailer } from '@local-backup/common/mail';
import type { SendMail } from '../outputs/email/index.ts';
import type { Session } from './session.ts';

/** Sends mails as the configuration says; before that each is saved as `<run>-<number>.eml` where a directory is given. */
export function createSendMail(
  { config, run, scrubber, now }: Session,
  { runId, saveMail }: { readonly runId: string; readonly saveMail: string | undefined },
): SendMail {
  const mailer = createMailer(config.mail, { run, scrubber, hostname: config.hostname, now });
  let number = 0;
  return async (mail) => {
    number += 1;
    if (saveMail !== undefined) {
      await mkdir(saveMail, { recursive: true, mode: 0o700 });
      await writeFileAtomic(join(saveMail, `${runId}-${number}.eml`), await mailer.renderEml(mail), { mode: 0o600 });
    }
    await mailer.send(mail);
  };
}
