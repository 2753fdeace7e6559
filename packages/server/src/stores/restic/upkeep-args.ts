// SPDX-License-Identifier: AGPL-3.0-or-later
import { saysWhatToRead } from '../../config/restic-options.ts';
import type { DataShare } from '../upkeep.ts';

/** Without a lock, so that another restic at work on the repository is no hindrance to a look at it. */
export const CONFIG_UNLOCKED_ARGS: readonly string[] = ['cat', 'config', '--no-lock'];
export const LIST_LOCKS_ARGS: readonly string[] = ['list', 'locks', '--no-lock'];
export const SIZE_ARGS: readonly string[] = ['stats', '--mode', 'raw-data', '--json', '--no-lock'];

export const PRUNE_ARGS: readonly string[] = ['prune'];
/** `rebuild-index` was renamed in 0.16. */
export function repairIndexArgs(isNew: boolean, readAllPacks: boolean): readonly string[] {
  return [...(isNew ? ['repair', 'index'] : ['rebuild-index']), ...(readAllPacks ? ['--read-all-packs'] : [])];
}

export function repairSnapshotsArgs(
  host: string,
  { dryRun, forget }: { readonly dryRun: boolean; readonly forget: boolean },
): readonly string[] {
  const flags = [...(dryRun ? ['--dry-run'] : []), ...(forget ? ['--forget'] : [])];
  return ['repair', 'snapshots', '--host', host, ...flags];
}

export const UNLOCK_ARGS: readonly string[] = ['unlock'];

export function lockFileArgs(id: string): readonly string[] {
  return ['cat', 'lock', id, '--no-lock'];
}

/**
 * What the policy says, without doing it. By host alone: with restic's own grouping, a new tag or path would begin a group
 * of its own, whose snapshots the policy keeps for ever or counts apart. A dry run needs no lock.
 */
export function judgeArgs(host: string, policy: readonly string[]): readonly string[] {
  return ['forget', '--dry-run', '--json', '--no-lock', '--host', host, '--group-by', 'host', ...policy];
}

/** So many ids, of 64 characters, for each command: far below the length of a command line. */
const IDS_AT_ONCE = 200;

/** One command or more that remove exactly these snapshots; none for none, as `forget` alone would do as it pleases. */
export function forgetCommands(ids: readonly string[]): readonly (readonly string[])[] {
  const commands: (readonly string[])[] = [];
  for (let index = 0; index < ids.length; index += IDS_AT_ONCE) {
    commands.push(['forget', ...ids.slice(index, index + IDS_AT_ONCE)]);
  }
  return commands;
}

/** The options come last, and where they say themselves how much is read, the share is left out: restic takes one only. */
export function checkArgs(share: DataShare, options: readonly string[]): readonly string[] {
  return ['check', ...(saysWhatToRead(options) ? [] : shareArgs(share)), ...options];
}

function shareArgs(share: DataShare): readonly string[] {
  if (share.kind === 'none') return [];
  if (share.kind === 'all') return ['--read-data'];
  return ['--read-data-subset', share.kind === 'part' ? `${share.part}/${share.of}` : share.amount];
}
