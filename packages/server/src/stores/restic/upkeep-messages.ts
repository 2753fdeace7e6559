// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import * as z from 'zod';
import type { Judged, RepositoryLock } from '../upkeep.ts';

const snapshotId = z.string().regex(/^[0-9a-f]{64}$/);

/** What both lists of a snapshot tell; restic writes more. */
const snapshotSchema = z.object({ time: z.string(), tree: z.string() });
const listedSchema = snapshotSchema.extend({ id: snapshotId });

/** An empty list is written as null. */
const nothingAsNull = <Item extends z.ZodType>(item: Item) =>
  z
    .array(item)
    .nullable()
    .transform((list) => list ?? []);

const groupSchema = z.object({
  host: z.string(),
  keep: nothingAsNull(listedSchema),
  remove: nothingAsNull(listedSchema),
  /** In the order of `keep`, and without ids. */
  reasons: nothingAsNull(z.object({ snapshot: snapshotSchema, matches: z.array(z.string().min(1)).min(1) })),
});

/** A snapshot's id, and why it is kept; no reasons: the policy lets it go. */
export type Verdict = Pick<Judged, 'id' | 'reasons'>;

/**
 * What `restic forget --dry-run --json --group-by host` says about the snapshots of one host, in the order of the output.
 * Without any snapshot of the host restic prints nothing at all.
 *
 * @returns undefined when it is not what it should be: another host, more than one group, a snapshot kept without a
 *   reason or a reason that belongs to another one
 */
export function parseVerdicts(lines: readonly string[], host: string): readonly Verdict[] | undefined {
  const json = lines.find((line) => line.startsWith('['));
  if (json === undefined) return lines.some((line) => line.trim() !== '') ? undefined : [];
  const parsed = z.array(groupSchema).max(1).safeParse(parseJson(json));
  if (!parsed.success) return undefined;
  const [group] = parsed.data;
  return group === undefined ? [] : verdictsOf(group, host);
}

function verdictsOf(group: z.infer<typeof groupSchema>, host: string): readonly Verdict[] | undefined {
  const { keep, remove, reasons } = group;
  if (group.host !== host || keep.length !== reasons.length) return undefined;
  const kept = keep.map(({ id, time, tree }, index) => {
    const reason = reasons[index];
    return { id, reasons: reason?.snapshot.time === time && reason.snapshot.tree === tree ? reason.matches : [] };
  });
  if (kept.some((verdict) => verdict.reasons.length === 0)) return undefined;
  return [...kept, ...remove.map(({ id }) => ({ id, reasons: [] }))];
}

const lockSchema = z.object({
  time: z.string().refine((text) => !Number.isNaN(Date.parse(text))),
  exclusive: z.boolean(),
  hostname: z.string().transform(showControls),
  username: z.string().transform(showControls),
  pid: z.int().min(1),
});

/** What `restic cat lock` prints, or undefined. */
export function parseLock(output: string): Omit<RepositoryLock, 'id' | 'isOursAndDead'> | undefined {
  const parsed = lockSchema.safeParse(parseJson(output.slice(output.search(/^\{/m))));
  if (!parsed.success) return undefined;
  return { ...parsed.data, time: new Date(parsed.data.time).toISOString() };
}

const sizeSchema = z.object({ total_size: z.int().nonnegative() });

/** The bytes that `restic stats --mode raw-data --json` tells, or undefined. */
export function parseSize(output: string): number | undefined {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => sizeSchema.safeParse(parseJson(line)).data?.total_size)
    .find((size) => size !== undefined);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
