// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';

/** The `reports` section of server_config.yml: which mails are sent about runs. */
export const reportSchema = z.strictObject({
  mail: z
    .enum(['always', 'on_failure', 'daily', 'weekly'])
    .prefault('always')
    .describe(
      'The summary mail: after every run; only when something failed, has warnings or is overdue; or one mail about all runs since the last one, with the first run of a day or week (UTC, weeks begin on Monday). Whatever the mode, a run that failed is told at once.',
    ),
  host_mail: z
    .enum(['on_failure', 'never'])
    .prefault('on_failure')
    .describe('Mails of their own about hosts that failed or were skipped, to the `admin_email` of the host.'),
  fold_repeated: z
    .boolean()
    .prefault(true)
    .describe(
      'When a host fails again and again with the same message, its own mail is sent twice and from then on once a day, with the count.',
    ),
});

/** How the mails about runs are sent. */
export interface ReportConfig {
  readonly mail: MailMode;
  readonly hostMail: 'on_failure' | 'never';
  readonly foldRepeated: boolean;
}

export type MailMode = z.output<typeof reportSchema>['mail'];

/** The section in the words of the program. */
export function reportConfigOf(section: z.output<typeof reportSchema>): ReportConfig {
  return { mail: section.mail, hostMail: section.host_mail, foldRepeated: section.fold_repeated };
}
