// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import type { Change, DiffBytes, Found, Item, ItemType } from '../../history.ts';

const count = z.int().nonnegative();

const TYPES: Readonly<Record<string, ItemType>> = {
  file: 'file',
  dir: 'directory',
  symlink: 'symlink',
  fifo: 'fifo',
  chardev: 'character',
  dev: 'block',
  socket: 'socket',
};

/** How restic 0.14 and 0.18 tell of an item; sizes of empty files are left out. */
const itemSchema = z
  .object({
    path: z.string().startsWith('/'),
    type: z.enum(Object.keys(TYPES)),
    mode: count,
    uid: count.default(0),
    gid: count.default(0),
    size: z.number().nonnegative().default(0),
    mtime: z.string(),
  })
  .transform(({ path, type, mode, ...rest }): Item => {
    return { path: path.slice(1), type: TYPES[type] ?? 'file', mode: permissionsOf(mode), ...rest };
  });

const nodeSchema = z.object({ struct_type: z.literal('node') });

/** The bits of Go's FileMode that stand for set-uid, set-gid and sticky, and those of the file system. */
const SPECIAL = [
  [23, 0o4000],
  [22, 0o2000],
  [20, 0o1000],
] as const;

function permissionsOf(mode: number): number {
  const special = SPECIAL.filter(([bit]) => (mode & (1 << bit)) !== 0).map(([, value]) => value);
  return special.reduce((sum: number, value) => sum + value, mode & 0o777);
}

/** The item in a line of `restic ls --json`; undefined for the line about the snapshot itself. */
export function parseListed(line: string): Item | undefined {
  const json = parseJson(line);
  return nodeSchema.safeParse(json).success ? itemSchema.parse(json) : undefined;
}

const foundSchema = z.array(
  z.object({ snapshot: z.string().regex(/^[0-9a-f]{64}$/), matches: z.array(itemSchema).nullish() }),
);

/** What `restic find --json` has found, or undefined where the output is no such list. */
export function parseFound(lines: readonly string[]): readonly Found[] | undefined {
  const parsed = foundSchema.safeParse(parseJson(lines.find((line) => line.startsWith('[')) ?? ''));
  return parsed.success ? parsed.data.map(({ snapshot, matches }) => ({ snapshot, items: matches ?? [] })) : undefined;
}

const KINDS: Readonly<Record<string, Change['kind']>> = { '+': 'added', '-': 'removed', T: 'type' };

const changeSchema = z.object({ message_type: z.literal('change'), path: z.string(), modifier: z.string() });
const bytesSchema = z.object({ bytes: count });
const statisticsSchema = z.object({
  message_type: z.literal('statistics'),
  added: bytesSchema,
  removed: bytesSchema,
});

/** A line of `restic diff --json`; undefined for everything that is neither a change nor the sums at the end. */
export function parseDiff(line: string): { readonly change: Change } | { readonly bytes: DiffBytes } | undefined {
  const json = parseJson(line);
  const change = changeSchema.safeParse(json);
  if (change.success) {
    const { path, modifier } = change.data;
    return { change: { path: path.replace(/^\/|\/$/g, ''), kind: KINDS[modifier] ?? 'changed' } };
  }
  const sums = statisticsSchema.safeParse(json);
  return sums.success ? { bytes: { added: sums.data.added.bytes, removed: sums.data.removed.bytes } } : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
