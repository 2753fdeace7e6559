// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, type ErrorCode, exitCodeOf, InterruptedError } from '@local-backup/common/errors';
import type { HostRecord, RunRecord } from '@local-backup/common/run-record';
import { hostLines } from '../../report/host-lines.ts';
import { type Repeats, repeatsOf } from '../../report/repeats.ts';
import { failedStep } from '../../report/report.ts';
import { repeatText } from '../../report/summary.ts';
import { labelled } from '../../report/text.ts';
import { TERMINATED } from '../../report/trail.ts';
import { type EmailFacts, footer, type Mail, subject } from './mail-text.ts';

/** The end of the subject of a mail about a skipped host, as in the original shell version (C59, C62). */
const SKIP_SUBJECT: Readonly<Record<string, string>> = {
  SKIPPED_CLIENT_LOCK: 'Client TAR Lock',
  SKIPPED_DUPLICATE: 'Exact snapshot exists',
  SKIPPED_OLDER: 'Older TAR found',
};

/** The mail about one host that failed or was skipped; undefined where there is nothing to say about it alone. */
export function renderHost(host: HostRecord, run: RunRecord, facts: EmailFacts): Mail | undefined {
  const what = headline(host);
  if (what === undefined || facts.reports.hostMail === 'never') return undefined;
  const repeats = repeatsOf(host, run, facts.history);
  if (repeats.folded && facts.reports.foldRepeated) return undefined;
  const isFailed = host.status === 'failed';
  const lines = [
    `${what}.`,
    '',
    ...repeatLines(host, repeats),
    ...hostLines(host, '  '),
    '',
    ...labelled('', advice(host)),
    '',
    ...footer(run, facts),
    ...(isFailed ? [`Once mended: backup-server backup ${host.host}`] : []),
  ];
  return {
    to: facts.hostEmails.get(host.host) ?? facts.adminEmail,
    subject: subject(run, facts, `${what}${repeats.count > 1 && isFailed ? `, ${repeats.count} times in a row` : ''}`),
    text: `${lines.join('\n')}\n`,
    important: isFailed,
    kind: 'host',
  };
}

/** How long this has gone on, and when the next mail comes. */
function repeatLines({ status }: HostRecord, repeats: Repeats): readonly string[] {
  if (repeats.count < 2 || status !== 'failed') return [];
  return [...labelled('  ', `It has ${repeatText(repeats)}.`), ''];
}

function headline(host: HostRecord): string | undefined {
  if (host.status === 'failed') return `Backup FAILED for host ${host.host} (Code: ${exitCodeOfHost(host)})`;
  const reason = host.status === 'skipped' ? SKIP_SUBJECT[host.skipped ?? ''] : undefined;
  return reason === undefined ? undefined : `Backup SKIPPED for host ${host.host} (${reason})`;
}

/** The number that the run would end with if this host were the only one. */
function exitCodeOfHost(host: HostRecord): number {
  if (host.steps.some(({ code }) => code === TERMINATED)) return exitCodeOf(new InterruptedError('SIGTERM'));
  const code = failedStep(host)?.code;
  return code === undefined || code === 'internal' ? 1 : exitCodeOf(new BackupError(code as ErrorCode, ''));
}

function advice(host: HostRecord): string {
  if (host.status === 'skipped')
    return 'Nothing was fetched and nothing was changed; older snapshots are as they were.';
  if (host.snapshot === undefined) {
    return 'No snapshot was made in this run. Older snapshots are as they were, and what the host has in its spool is still there.';
  }
  if (host.incomplete === true) {
    return 'The snapshot is not whole, so the archive stays on the host and the next run stores it again.';
  }
  return 'A snapshot of everything else was made. What was not saved is missing in it until it has been mended on the host.';
}
