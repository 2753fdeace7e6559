// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { TaskVerdict, Verdict } from './verdict.ts';

/** What a drill makes of what its services' plugins say. Pure. */

export type Outcome =
  | { readonly kind: 'proven' }
  /** Would not come back as it was saved; one line for each check. */
  | { readonly kind: 'failed'; readonly lines: readonly string[] }
  /**
   * Not looked at, or not at all of it. `odd`: it could have been, so it is a warning; else this machine lacks a program,
   * or the plugin is the host's own.
   */
  | { readonly kind: 'unseen'; readonly why: string; readonly odd: boolean };

/** Characters of a message that are told: what a server says may quote what it was to load. */
const LONGEST_MESSAGE = 300;

/** Reasons for one service that are told. */
const REASONS = 3;

export function outcomeOf(verdict: Verdict): Outcome {
  if (verdict.kind === 'unreadable') return { kind: 'unseen', why: oneLine(verdict.why), odd: true };
  const lines = verdict.tasks.flatMap(failureLines);
  if (lines.length > 0) return { kind: 'failed', lines };
  const reasons = [...verdict.tasks.flatMap(skipReasons), ...verdict.unknown.map(unknownReason)];
  if (reasons.length === 0) return { kind: 'proven' };
  const more = reasons.length > REASONS ? `; and ${reasons.length - REASONS} more` : '';
  return { kind: 'unseen', why: reasons.slice(0, REASONS).join('; ') + more, odd: false };
}

function failureLines({ task, failed, failures }: TaskVerdict): readonly string[] {
  if (failed === 0) return [];
  const named = failures.map(({ name, message }) => `${oneLine(task)}: ${oneLine(name)}: ${oneLine(message)}`);
  const more = failed - failures.length;
  return more > 0 ? [...named, `${oneLine(task)}: ... and ${more} more`] : named;
}

/** One for each message: the lack of a program is the same for all databases. */
function skipReasons({ task, skipped, skips }: TaskVerdict): readonly string[] {
  if (skipped === 0) return [];
  const messages = [...new Set(skips.map(({ message }) => oneLine(message)))];
  return messages.length === 0
    ? [`${oneLine(task)}: skipped`]
    : messages.map((message) => `${oneLine(task)}: ${message}`);
}

function unknownReason(task: string): string {
  return `${oneLine(task)}: a plugin of the host's own, which this server does not have`;
}

function oneLine(text: string): string {
  return showControls(text.trim().replace(/\s*\n\s*/g, ' ')).slice(0, LONGEST_MESSAGE);
}
