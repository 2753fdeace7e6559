// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import type { HostRecord, ServiceResult, StepRecord } from '@local-backup/common/run-record';
import type { Status } from '@local-backup/common/status';
import { remarkableSteps } from './report.ts';
import { formatCount, formatTime, humanDuration, labelled } from './text.ts';

/**
 * What mails and the terminal say about one host: first what went wrong, then what was stored. Pure. Everything that a client can
 * influence is made printable here.
 */
export function hostLines(host: HostRecord, indent: string): readonly string[] {
  return [...remarkLines(host, indent), ...storedLines(host).flatMap((line) => labelled(indent, line))];
}

/** What went wrong with a host, or was odd; nothing about what was stored. */
export function remarkLines(host: HostRecord, indent: string): readonly string[] {
  const services = host.services.filter(({ status }) => status !== 'success');
  const remarks = [
    ...atMost(SHOWN_PARTS, failedFirst(remarkableSteps(host)), indent, (step) => stepLines(step, indent)),
    ...atMost(SHOWN_PARTS, failedFirst(services), indent, (service) => serviceLines(service, indent)),
  ];
  return atMost(SHOWN_LINES, remarks, indent, (line) => [line]);
}

/** A mail is for reading, and a client can name thousands of services: of more than this the rest is in the record. */
const SHOWN_PARTS = 20;
/** Lines about what went wrong with one host. */
const SHOWN_LINES = 200;

function atMost<Part>(
  most: number,
  parts: readonly Part[],
  indent: string,
  linesOf: (part: Part) => readonly string[],
): readonly string[] {
  const lines = parts.slice(0, most).flatMap(linesOf);
  return parts.length <= most ? lines : [...lines, `${indent}${moreText(parts.length - most)}`];
}

function moreText(count: number): string {
  return `... and ${formatCount(count)} more, see the record`;
}

/** Where not all are shown, the failed ones are. */
function failedFirst<Part extends { readonly status: Status }>(parts: readonly Part[]): readonly Part[] {
  if (parts.length <= SHOWN_PARTS) return parts;
  const isFailed = ({ status }: Part) => status === 'failed';
  return [...parts.filter(isFailed), ...parts.filter((part) => !isFailed(part))];
}

function stepLines(step: StepRecord, indent: string): readonly string[] {
  const word = { success: 'note', skipped: 'skipped', warning: 'warning', failed: 'FAILED' }[step.status];
  const text = step.message ?? (step.code === undefined ? '' : `(${step.code})`);
  return labelled(`${indent}${word} `, `${step.name}: ${text}`);
}

function serviceLines(service: ServiceResult, indent: string): readonly string[] {
  const word = service.status === 'failed' ? 'FAILED' : 'warning';
  const outcome = { success: 'was saved', skipped: 'was left out', warning: 'has warnings', failed: 'failed' }[
    service.status
  ];
  const head = `service ${showControls(`${service.type}/${service.name}`)} ${outcome} on the client`;
  const [first, ...others] = shownMessages(service.messages);
  return [
    ...labelled(`${indent}${word} `, first === undefined ? `${head}.` : `${head}: ${first}`),
    ...others.flatMap((message) => labelled(`${indent}  - `, message)),
  ];
}

/** A mail is for reading: of a service with more messages than this the rest is in the record. */
const SHOWN_MESSAGES = 5;
/** Characters of one message that a mail shows. */
const SHOWN_CHARACTERS = 1_000;

function shownMessages(messages: readonly string[]): readonly string[] {
  const shown = messages
    .slice(0, SHOWN_MESSAGES)
    .map((text) => (text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)} ...` : text));
  const left = messages.length - shown.length;
  return left === 0 ? shown : [...shown, moreText(left)];
}

function storedLines(host: HostRecord): readonly string[] {
  const lines: string[] = [];
  if (host.archive !== undefined) {
    const size = host.archiveBytes === undefined ? '' : `, ${formatBytes(host.archiveBytes)}`;
    const made = host.archiveCreated === undefined ? '' : `, made ${formatTime(host.archiveCreated)}${ageText(host)}`;
    lines.push(`archive ${host.archive}${size}${made}`);
  }
  if (host.snapshot !== undefined) lines.push(...snapshotTexts(host));
  lines.push(...stoppedTexts(host), `took ${humanDuration(host.seconds * 1000)}`);
  return lines;
}

/** Services that had to be stopped for the backup, the longest time first: what their users have noticed. */
function stoppedTexts({ services }: HostRecord): readonly string[] {
  const stopped = services
    .map(({ type, name, secondsStopped = 0 }) => ({ name: showControls(`${type}/${name}`), seconds: secondsStopped }))
    .filter(({ seconds }) => seconds > 0)
    .sort((a, b) => b.seconds - a.seconds);
  if (stopped.length === 0) return [];
  const shown = stopped.slice(0, SHOWN_PARTS).map(({ name, seconds }) => `${name} ${humanDuration(seconds * 1000)}`);
  const left = stopped.length - shown.length;
  return [`stopped meanwhile: ${[...shown, ...(left > 0 ? [moreText(left)] : [])].join(', ')}`];
}

/** How old the archive was when its turn came; its age is by the client's clock, which need not be right. */
function ageText(host: HostRecord): string {
  const age = new Date(host.started).getTime() - new Date(host.archiveCreated ?? host.started).getTime();
  return age >= 0 ? `, ${humanDuration(age)} earlier` : ", which is in the future: check the client's clock";
}

function snapshotTexts(host: HostRecord): readonly string[] {
  const whole = host.incomplete === true ? ' (not whole)' : '';
  const { filesNew = 0, filesChanged = 0, filesUnmodified = 0, bytesAdded = 0, bytesProcessed = 0 } = host;
  const counts = `${formatCount(filesNew)} new, ${formatCount(filesChanged)} changed, ${formatCount(filesUnmodified)} unmodified`;
  return [
    `snapshot ${host.snapshot?.slice(0, 8)}${whole}, ${formatBytes(bytesProcessed)} in all, ${formatBytes(bytesAdded)} added to the store`,
    `files: ${counts}`,
  ];
}
