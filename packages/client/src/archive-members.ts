// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Entry } from '@local-backup/common/entry';
import { MEMBER_LIMITS } from '@local-backup/common/member-limits';
import type { MemberExtent } from '@local-backup/common/tar-reader';
import { depthOf } from '@local-backup/common/tar-tally';
import { memberOnHost } from './tar-warnings.ts';

/** Decides which members of one tree go into the archive, and keeps account of those that do not. */
export interface MemberFilter {
  decide(entry: Entry, extent: MemberExtent): 'keep' | 'drop';
  /** Members that were left out though they are on the host. */
  readonly dropped: number;
  /** One sentence for each of them, up to {@link MAX_WARNINGS}. */
  readonly warnings: readonly string[];
}

export interface MemberFilterOptions {
  readonly prefix: string;
  readonly root: string;
  /** Directories that the archive has already; those of this tree's parents are added. */
  readonly directories: Pick<Set<string>, 'has'> & { add(path: string): void };
  /** True: this run reads parents only. */
  readonly parents: boolean;
}

/** Names of single files that a report has room for; the rest is counted. */
export const MAX_WARNINGS = 100;

/**
 * What the server would refuse is left out, with a warning: one odd file must cost one file, not the backup of a host.
 */
export function createMemberFilter({ prefix, root, directories, parents }: MemberFilterOptions): MemberFilter {
  const warnings: string[] = [];
  /** Members that were left out: what lies beneath them or is linked to them has to go too. */
  const dropped = new Set<string>();
  return {
    warnings,
    get dropped() {
      return dropped.size;
    },
    decide(entry, extent) {
      if (entry.type === 'directory' && directories.has(entry.path)) return 'drop';
      const problem = complainAboutDropped(entry, dropped) ?? complainAboutMember(entry, extent);
      if (problem === undefined) {
        if (parents) directories.add(entry.path);
        return 'keep';
      }
      dropped.add(entry.path);
      const name = memberOnHost({ root, prefix }, entry.path);
      if (warnings.length < MAX_WARNINGS) warnings.push(`${name} was left out: ${problem}`);
      return 'drop';
    },
  };
}

function complainAboutDropped({ path, type, link }: Entry, dropped: ReadonlySet<string>): string | undefined {
  if (dropped.size === 0) return undefined;
  if (dropped.has(path.slice(0, Math.max(0, path.lastIndexOf('/'))))) return 'its directory was left out';
  return type === 'hardlink' && dropped.has(link as string)
    ? 'it is another name of a file that was left out'
    : undefined;
}

function complainAboutMember({ path, type, link }: Entry, extent: MemberExtent): string | undefined {
  const { pathBytes, depth, metaBytes, sparseRegions } = MEMBER_LIMITS;
  if (type === 'character' || type === 'block') return 'it is a device';
  if (path.length > pathBytes) return `its path in the archive has more than ${pathBytes} bytes`;
  if (link !== undefined && link.length > pathBytes)
    return `its target in the archive has more than ${pathBytes} bytes`;
  if (path.length > depth && depthOf(path) > depth) return `it lies deeper than ${depth} directories`;
  if (extent.metaBytes > metaBytes) return `its extended attributes take more than ${metaBytes} bytes`;
  return extent.sparseRegions > sparseRegions
    ? `it has more than ${sparseRegions} parts with holes between them`
    : undefined;
}
