// SPDX-License-Identifier: AGPL-3.0-or-later
import { displayPath, showControls } from './byte-path.ts';
import { type Entry, formatEntry, parseEntry } from './entry.ts';
import { BackupError } from './errors.ts';

const FIELDS = ['type', 'mode', 'uid', 'gid', 'size', 'mtimeNs', 'sha256', 'link'] as const;

/** Compares the members of an archive with its entry list, one after the other: both are in the same order. */
export interface EntryComparison {
  /** @throws BackupError `untrusted` with the first difference */
  take(members: readonly Entry[]): Promise<void>;
  /** @throws BackupError `untrusted` where the list goes on */
  end(): Promise<void>;
}

/** @param list lines of the entry list, in batches: see readEntryLines */
export function createEntryComparison(list: AsyncIterable<readonly string[]>): EntryComparison {
  const batches = list[Symbol.asyncIterator]();
  let batch: readonly string[] = [];
  let position = 0;
  const refill = async (): Promise<void> => {
    while (position === batch.length) {
      const { done, value } = await batches.next();
      if (done === true) return;
      batch = value;
      position = 0;
    }
  };
  return {
    async take(members) {
      for (const member of members) {
        if (position === batch.length) await refill();
        // Every entry has one line that stands for it, so a line that is another one says something else.
        if (formatEntry(member) !== batch[position]) throw explain(member, batch[position]);
        position += 1;
      }
    },
    async end() {
      await refill();
      const rest = batch[position];
      if (rest !== undefined) throw differs(`the list goes on with ${quote(rest)}, and the archive is at its end`);
    },
  };
}

function explain(member: Entry, line: string | undefined): BackupError {
  const path = displayPath(member.path);
  if (line === undefined) return differs(`${path} is in the archive, but not in the list`);
  const listed = parseOr(line);
  if (listed === undefined) return differs(`where the archive has ${path}, the list has ${quote(line)}`);
  if (listed.path !== member.path)
    return differs(`the archive has ${path} where the list has ${displayPath(listed.path)}`);
  const field = FIELDS.find((name) => listed[name] !== member[name]);
  if (field === undefined) return differs(`${path} is written in another way than this program writes it`);
  return differs(`${path} has ${field} ${show(member[field])} in the archive and ${show(listed[field])} in the list`);
}

function parseOr(line: string): Entry | undefined {
  try {
    return parseEntry(line);
  } catch {
    return undefined;
  }
}

/** Text out of a list that nothing is known about. */
function quote(line: string): string {
  return JSON.stringify(showControls(line.slice(0, 200)));
}

function show(value: Entry[(typeof FIELDS)[number]]): string {
  return value === undefined ? 'none' : displayPath(String(value) as Entry['path']);
}

function differs(difference: string): BackupError {
  return new BackupError('untrusted', `The archive and its entry list do not fit together: ${difference}.`);
}
