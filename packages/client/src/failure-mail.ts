// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError, describeError, exitCodeOf } from '@local-backup/common/errors';
import type { ManifestService } from '@local-backup/common/manifest';

/** Why a run of the client ends with an error. */
export interface ClientFailure {
  readonly hostname: string;
  readonly subjectPrefix: string;
  readonly time: Date;
  /** What ended the run; undefined when it came to its end, but services failed. */
  readonly error: unknown;
  readonly services: readonly ManifestService[];
  /** What a killed run has left and could not be put back. */
  readonly stuck: readonly string[];
  /** The new archive that there is in spite of the failure. */
  readonly published: string | undefined;
  /** File that holds the whole log of the run. */
  readonly logFile: string | undefined;
  /** The log's text, which goes to the end of the mail. */
  readonly log: string;
  /** The log is longer than what is here of its end. */
  readonly logIsCut?: boolean;
}

/** Subject and text of the mail that a failed run sends to the admin (C26, C33). Pure. */
export function renderFailureMail(failure: ClientFailure): { subject: string; text: string } {
  return { subject: subjectOf(failure), text: `${bodyOf(failure).join('\n')}\n` };
}

/** The same where not even the configuration could be read (C33). Pure. */
export function renderEarlyFailureMail(hostname: string, error: unknown): { subject: string; text: string } {
  const lines = [`The backup of ${hostname} could not begin:`, '', ...indented(describeError(error)), ''];
  const next = 'Correct it and look at the result with: backup-client check';
  const subject = `[Backup Error] ${hostname} - Backup FAILED EARLY (Code: ${exitCodeOf(error)})`;
  return { subject, text: [...lines, next, ''].join('\n') };
}

function subjectOf({ subjectPrefix, hostname, error }: ClientFailure): string {
  const start = `${subjectPrefix} ${hostname} -`;
  if (error instanceof BackupError && error.code === 'spool-locked')
    return `${start} SHARED LOCK FAILED (TAR Creation)`;
  return `${start} Backup FAILED (Code: ${error === undefined ? 1 : exitCodeOf(error)})`;
}

function bodyOf(failure: ClientFailure): string[] {
  const failed = failure.services.filter((service) => service.status === 'failed');
  return [
    `The backup of ${failure.hostname} FAILED.`,
    '',
    `Hostname:   ${failure.hostname}`,
    `Timestamp:  ${failure.time.toISOString()}`,
    `Exit Code:  ${failure.error === undefined ? 1 : exitCodeOf(failure.error)}`,
    `Archive:    ${failure.published ?? 'none: nothing new for the server to fetch'}`,
    '',
    ...(failure.error === undefined ? [] : ['What ended the run:', ...indented(describeError(failure.error)), '']),
    ...(failed.length === 0 ? [] : [`Services that failed (${failed.length}):`, ...failed.flatMap(serviceLines), '']),
    ...(failure.stuck.length === 0
      ? []
      : ['Left by a killed run, put it back by hand:', ...failure.stuck.flatMap(indented), '']),
    'What to do next:',
    ...indented('backup-client check    looks at the configuration and at every service, and changes nothing'),
    ...indented('backup-client backup   tries again at once'),
    '',
    ...(failure.logFile === undefined ? [] : [`Log: ${failure.logFile}`, '']),
    failure.logIsCut ? '--- end of the log of the run; the whole is in the file above ---' : '--- log of the run ---',
    failure.log,
  ];
}

function serviceLines(service: ManifestService): string[] {
  const messages = [
    ...service.messages,
    ...service.tasks.flatMap((task) => task.messages.map((message) => `${task.plugin}: ${message}`)),
  ];
  return [
    `  ${service.type}/${service.name}`,
    ...messages.flatMap((message) => indented(message).map((line) => `  ${line}`)),
  ];
}

function indented(text: string): string[] {
  return text.split('\n').map((line) => `  ${showControls(line)}`);
}
