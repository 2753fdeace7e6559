// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { DrillRecord } from '@local-backup/common/run-record';
import { formatCount } from '../../report/text.ts';
import type { ServiceOutcome } from './check-services.ts';

/** What is told of the services of a drill. Pure. */

/** Services that a record names, and lines of a message. */
const RECORDED = 100;
const SHOWN = 20;

/** For the record. */
export function loadedRecord(outcomes: readonly ServiceOutcome[], seconds: number): NonNullable<DrillRecord['loaded']> {
  const unseen = unseenOf(outcomes);
  const count = (kind: ServiceOutcome['outcome']['kind']) =>
    outcomes.filter(({ outcome }) => outcome.kind === kind).length;
  return {
    proven: count('proven'),
    failed: count('failed'),
    unseen: unseen.slice(0, RECORDED).map(({ service, why }) => ({ service, why })),
    unseenCount: unseen.length,
    seconds,
  };
}

/** Those that were not looked at. */
export function unseenOf(outcomes: readonly ServiceOutcome[]) {
  return outcomes.flatMap(({ service, outcome }) =>
    outcome.kind === 'unseen' ? [{ service, why: outcome.why, odd: outcome.odd }] : [],
  );
}

/** `web/shop (mariadb: not loaded: apt install ...)`, as many as are worth reading. */
export function unseenText(unseen: readonly { readonly service: string; readonly why: string }[]): string {
  const named = unseen.slice(0, SHOWN).map(({ service, why }) => `${service} (${why})`);
  const more = unseen.length > SHOWN ? [`... and ${formatCount(unseen.length - SHOWN)} more`] : [];
  return [...named, ...more].join(', ');
}

/** Undefined where none has failed. */
export function servicesFailure(outcomes: readonly ServiceOutcome[], host: string): BackupError | undefined {
  const failed = outcomes.flatMap(({ service, outcome }) =>
    outcome.kind === 'failed' ? [{ service, lines: outcome.lines }] : [],
  );
  if (failed.length === 0) return undefined;
  const lines = failed.flatMap(({ service, lines: own }) => own.map((line) => `${service}: ${line}`));
  const more = lines.length > SHOWN ? [`... and ${formatCount(lines.length - SHOWN)} more`] : [];
  return new BackupError(
    'failed',
    [
      `${formatCount(failed.length)} of ${formatCount(outcomes.length)} services of ${host} would not come back as they were:`,
      ...lines.slice(0, SHOWN),
      ...more,
      `The files are what the client had read, so it was so on ${host} already. Look at the service there, make a new backup ` +
        `(there: backup-client backup; here: backup-server backup --force ${host}) and prove it: backup-server drill ${host}. ` +
        `An older snapshot may be good: backup-server snapshots ${host}`,
    ].join('\n'),
  );
}
