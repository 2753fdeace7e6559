// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '@local-backup/common/atomic-file';
import { BackupError, describeError } from '@local-backup/common/errors';
import { createMailer, type MailMessage, refusedRecipients } from '@local-backup/common/mail';
import { createOutbox, type Outbox } from '../outbox.ts';
import type { SendMail } from '../outputs/email/index.ts';
import { markLate } from '../outputs/email/late.ts';
import type { Mail } from '../outputs/email/mail-text.ts';
import type { Session } from './session.ts';

/** How mails leave this program. */
export interface Post {
  /** @throws BackupError when the mail was not accepted; then it waits on disk, which the message says */
  readonly send: SendMail;
  /** Sends what earlier runs could not. @returns how many mails still wait */
  readonly sendWaiting: () => Promise<number>;
}

/** Mails that wait. */
export function outboxDirectory({ config }: Pick<Session, 'config'>): string {
  return join(config.stateDir, 'outbox');
}

/** Sends mails as the configuration says; before that each is saved as `<run>-<number>.eml` where a directory is given. */
export function createPost(
  session: Session,
  { runId, saveMail }: { readonly runId: string; readonly saveMail: string | undefined },
): Post {
  const { config, run, scrubber, now, log } = session;
  const mailer = createMailer(config.mail, { run, scrubber, hostname: config.hostname, now });
  const outbox = createOutbox(outboxDirectory(session), log);
  let number = 0;
  const save = async (mail: MailMessage) => {
    if (saveMail === undefined) return;
    number += 1;
    await mkdir(saveMail, { recursive: true, mode: 0o700 });
    await writeFileAtomic(join(saveMail, `${runId}-${number}.eml`), await mailer.renderEml(mail), { mode: 0o600 });
  };
  return {
    send: async (mail) => {
      try {
        await save(mail);
        await mailer.send(mail);
      } catch (error) {
        throw await keptError(error, { mail: scrubbed(mail, session), outbox, queued: now() });
      }
    },
    sendWaiting: () => outbox.sendAll((mail) => mailer.send(markLate(mail)), now()),
  };
}

/** Puts the mail into the outbox; the error says so, or why it could not be kept either. */
async function keptError(
  error: unknown,
  { mail, outbox, queued }: { readonly mail: Mail; readonly outbox: Outbox; readonly queued: Date },
): Promise<Error> {
  const { subject, text, html, important, kind = 'summary' } = mail;
  // Who has it already must not get it again with every run.
  const to = refusedRecipients(error) ?? mail.to;
  const content = { to, subject, text, important, kind, ...(html === undefined ? {} : { html }) };
  const kept = await outbox.add({ ...content, queued: queued.toISOString() }).then(
    () => 'It waits on disk and is sent with the next run.',
    (problem: unknown) => `It could not be kept for later either: ${describeError(problem)}`,
  );
  const code = error instanceof BackupError ? error.code : 'failed';
  return new BackupError(code, `${describeError(error)}\n${kept}`, { cause: error });
}

/** A secret has no business on the disk either. */
function scrubbed(mail: Mail, { scrubber }: Session): Mail {
  const { html } = mail;
  return {
    ...mail,
    subject: scrubber.scrub(mail.subject),
    text: scrubber.scrub(mail.text),
    ...(html === undefined ? {} : { html: scrubber.scrub(html) }),
  };
}
