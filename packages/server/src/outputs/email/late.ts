// SPDX-License-Identifier: AGPL-3.0-or-later
import type { QueuedMail } from '../../outbox.ts';
import { formatTime } from '../../report/text.ts';

/** The mail with a line at its beginning that says since when it has waited. Pure. */
export function markLate(mail: QueuedMail): QueuedMail {
  const line = `This mail is late: on ${formatTime(mail.queued)} it could not be sent.`;
  const { html } = mail;
  return {
    ...mail,
    text: `${line}\n\n${mail.text}`,
    // Nothing in the line needs to be escaped, and a client's text cannot hold a tag.
    ...(html === undefined
      ? {}
      : { html: html.replace(/<body[^>]*>/, (body) => `${body}<p><strong>${line}</strong></p>`) }),
  };
}
