// SPDX-License-Identifier: AGPL-3.0-or-later
import { timeOfStamp } from '@local-backup/common/archive-name';
import { showControls } from '@local-backup/common/byte-path';
import { didYouMean } from '@local-backup/common/config/suggest';
import { BackupError } from '@local-backup/common/errors';
import { stampOfSnapshot } from '../report/render-snapshots.ts';
import { formatTime } from '../report/text.ts';
import { chooseSnapshot } from '../stores/choose-snapshot.ts';
import type { Snapshot } from '../stores/store.ts';
import { type ChosenSnapshot, newestSnapshot } from './restore-choice.ts';

/** Which snapshot of a host somebody means. All times are UTC. */
export type When =
  | { readonly kind: 'latest' }
  /** The beginning of an id. */
  | { readonly kind: 'id'; readonly id: string }
  /** `YYYYmmdd_HHMMSS` of the archive that was stored. */
  | { readonly kind: 'archive'; readonly stamp: string }
  /** The newest that was stored from `from` (where it is given) until before `until`, milliseconds since 1970. */
  | { readonly kind: 'time'; readonly text: string; readonly from?: number; readonly until: number };

/** What somebody has written for a snapshot. */
export interface SnapshotName {
  /** Undefined: an id without a host. */
  readonly host: string | undefined;
  readonly when: When;
}

/** For messages and help. */
const FORMS =
  'HOST, HOST@latest, HOST@2026-11-20 (newest of that day, UTC), HOST@"2026-11-20 14:30" (newest until then), ' +
  'HOST@20261120_143000 (its archive), HOST@ID, or ID (at least 8 characters)';

const ID = /^[0-9a-f]{8,64}$/;

const DAY_MS = 24 * 3_600_000;

/**
 * Takes apart what names a snapshot: `HOST[@WHEN]`, or an id alone.
 * @param hosts names of all hosts of the configuration
 * @throws BackupError `usage` where it names none
 */
export function parseSnapshotName(text: string, hosts: readonly string[]): SnapshotName {
  const at = text.indexOf('@');
  const host = at < 0 ? text : text.slice(0, at);
  if (hosts.includes(host)) return { host, when: at < 0 ? { kind: 'latest' } : parseWhen(text.slice(at + 1)) };
  if (at < 0 && ID.test(text)) return { host: undefined, when: { kind: 'id', id: text } };
  const also = at < 0 ? ', and it is not the beginning of an id' : '';
  throw new BackupError(
    'usage',
    `There is no host "${showControls(host)}" in the configuration${also}.${didYouMean(host, hosts)}\n` +
      `Configured hosts: ${hosts.join(', ') || '(none)'}. A snapshot is named by ${FORMS}.`,
  );
}

/** @throws BackupError `usage` where it says nothing that we understand */
export function parseWhen(text: string): When {
  if (text === 'latest') return { kind: 'latest' };
  if (ID.test(text)) return { kind: 'id', id: text };
  if (timeOfStamp(text) !== undefined) return { kind: 'archive', stamp: text };
  const when = parseTime(text);
  if (when !== undefined) return when;
  throw new BackupError('usage', `"${showControls(text)}" names no snapshot. Possible are ${FORMS}.`);
}

const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ]+(\d\d:\d\d)(:\d\d)?(?: ?(?:Z|UTC))?)?$/;

/** A time without seconds means until the end of that minute: that is how lists show it. */
function parseTime(text: string): When | undefined {
  const [, day, minute, seconds] = TIME.exec(text.trim()) ?? [];
  if (day === undefined) return undefined;
  const iso = `${day}T${minute ?? '00:00'}${seconds ?? ':00'}.000Z`;
  const start = Date.parse(iso);
  // 31 February would become a day in March.
  if (Number.isNaN(start) || new Date(start).toISOString() !== iso) return undefined;
  if (minute === undefined) return { kind: 'time', text: day, from: start, until: start + DAY_MS };
  const until = start + (seconds === undefined ? 60_000 : 1_000);
  return { kind: 'time', text: `${day} ${minute}${seconds ?? ''}`, until };
}

/** The snapshots of one host, out of which one is chosen. */
export interface Choice {
  readonly host: string;
  /** Oldest first. */
  readonly snapshots: readonly Snapshot[];
  /** Stamps of saves that were never proven whole. */
  readonly unproven: readonly string[];
}

/**
 * The snapshot that is meant, and why it is this one.
 * @throws BackupError `usage`, or `failed` where the host has no snapshot at all; tells what there is
 */
export function chooseByName({ host, snapshots, unproven }: Choice, when: When): ChosenSnapshot {
  if (when.kind === 'latest') return newestSnapshot(snapshots, unproven, host);
  if (when.kind === 'id') return asNamed(chooseById({ host, snapshots }, when.id), unproven);
  if (when.kind === 'time') return newestAt({ host, snapshots, unproven }, when);
  const found = snapshots.filter((snapshot) => stampOfSnapshot(snapshot) === when.stamp).at(-1);
  if (found !== undefined) return asNamed(found, unproven);
  const time = timeOfStamp(when.stamp)?.getTime() ?? 0;
  throw nothing(`There is no snapshot of ${host} made from the archive ${when.stamp}.`, { host, snapshots }, time);
}

/** Eight digits may be an id and a day; which of them was meant shows by what there is. */
function chooseById({ host, snapshots }: Omit<Choice, 'unproven'>, id: string): Snapshot {
  const day = id.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3');
  if (parseTime(day) === undefined || snapshots.some((snapshot) => snapshot.id.startsWith(id)))
    return chooseSnapshot(snapshots, id, host);
  throw new BackupError('usage', `No snapshot of ${host} has the id "${id}". If the day is meant: ${host}@${day}`);
}

function asNamed(snapshot: Snapshot, unproven: readonly string[]): ChosenSnapshot {
  const doubt = isUnproven(snapshot, unproven) ? '; it was NOT proven whole, files may be missing' : '';
  return { snapshot, why: `as asked${doubt}` };
}

/** True where the save that made the snapshot was never proven whole. */
function isUnproven({ tags }: Snapshot, unproven: readonly string[]): boolean {
  return tags.some((tag) => unproven.includes(tag));
}

function newestAt(choice: Choice, { text, from, until }: Extract<When, { kind: 'time' }>): ChosenSnapshot {
  const { host, snapshots, unproven } = choice;
  const inTime = snapshots.filter(({ time }) => {
    const stored = Date.parse(time);
    return stored < until && (from === undefined || stored >= from);
  });
  const what = from === undefined ? `not newer than ${text} UTC` : `of ${text} (UTC)`;
  if (inTime.length === 0) throw nothing(`There is no snapshot of ${host} ${what}.`, choice, from ?? until);
  const { snapshot } = newestSnapshot(inTime, unproven, host);
  const newest = inTime.at(-1);
  const why = `the newest ${what}`;
  if (isUnproven(snapshot, unproven)) return { snapshot, why: `${why}; it was NOT proven whole, files may be missing` };
  if (newest === undefined || snapshot === newest) return { snapshot, why };
  return { snapshot, why: `${why} that is whole; ${newest.id.slice(0, 8)} is newer but was not proven whole` };
}

/** Says what there is: the first and last snapshot, and the nearest ones. */
function nothing(problem: string, { host, snapshots }: Omit<Choice, 'unproven'>, time: number): BackupError {
  const [first] = snapshots;
  const last = snapshots.at(-1);
  if (first === undefined || last === undefined) {
    return new BackupError('failed', `There is no snapshot of ${host} yet. Make one: backup-server backup ${host}`);
  }
  const count = snapshots.length === 1 ? 'There is one, ' : `There are ${snapshots.length}, the oldest `;
  const all = `${count}${describe(first)}${snapshots.length === 1 ? '' : `, the newest ${describe(last)}`}`;
  const before = snapshots.filter((snapshot) => Date.parse(snapshot.time) < time).at(-1);
  const after = snapshots.find((snapshot) => Date.parse(snapshot.time) >= time);
  const near = [before && `before it ${describe(before)}`, after && `after it ${describe(after)}`].filter(Boolean);
  const nearest = snapshots.length > 2 ? ` Nearest: ${near.join(', ')}.` : '';
  return new BackupError('usage', `${problem} ${all}.${nearest} All of them: backup-server snapshots ${host}`);
}

function describe({ id, time }: Snapshot): string {
  return `${id.slice(0, 8)} (${formatTime(time)})`;
}
