// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import type { Snapshot } from '../store.ts';

const count = z.int().nonnegative();

/** The end of `restic backup --json`; version 0.14 gives the first 8 characters of the id, newer ones all 64. */
const summarySchema = z.object({
  message_type: z.literal('summary'),
  files_new: count,
  files_changed: count,
  files_unmodified: count,
  data_added: count,
  total_bytes_processed: count,
  snapshot_id: z.string().regex(/^[0-9a-f]{8,64}$/),
});

export type Summary = z.infer<typeof summarySchema>;

/** An item that could not be read. The shape of `error` itself differs between versions and is not looked at. */
const itemErrorSchema = z.object({
  message_type: z.literal('error'),
  during: z.string().optional(),
  item: z.string().min(1),
});

/** Since 0.18: the last words on standard error. */
const exitErrorSchema = z.object({ message_type: z.literal('exit_error'), message: z.string() });

const messageSchema = z.discriminatedUnion('message_type', [summarySchema, itemErrorSchema, exitErrorSchema]);

export type Message = z.infer<typeof messageSchema>;

/** The message in a line of output; undefined for progress, prose and everything else that we do not need. */
export function parseMessage(line: string): Message | undefined {
  if (!line.startsWith('{')) return undefined;
  const parsed = messageSchema.safeParse(parseJson(line));
  return parsed.success ? parsed.data : undefined;
}

/** The part of restic's standard error that is meant for people: prose and the last words, without messages about items. */
export function errorText(stderr: string): string {
  return stderr
    .split('\n')
    .flatMap((line) => {
      const message = parseMessage(line);
      if (message?.message_type === 'exit_error') return message.message.split('\n');
      return line.startsWith('{') ? [] : [line];
    })
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');
}

const snapshotsSchema = z.array(
  z.object({
    id: z.string().regex(/^[0-9a-f]{64}$/),
    time: z.string().transform((text, context) => {
      const time = new Date(text);
      if (!Number.isNaN(time.getTime())) return time.toISOString();
      context.addIssue({ code: 'custom', message: 'not a time' });
      return z.NEVER;
    }),
    hostname: z.string(),
    tags: z.array(z.string()).default([]),
  }),
);

/** The snapshots of one host, oldest first, or undefined when the output of `restic snapshots --json` is none. */
export function parseSnapshots(lines: readonly string[], host: string): readonly Snapshot[] | undefined {
  const json = lines.find((line) => line.startsWith('[')) ?? '';
  const parsed = snapshotsSchema.safeParse(parseJson(json));
  if (!parsed.success) return undefined;
  return parsed.data
    .filter(({ hostname }) => hostname === host)
    .map(({ id, time, tags }) => ({ id, time, tags }))
    .sort((left, right) => left.time.localeCompare(right.time));
}

const configSchema = z.object({ id: z.string().regex(/^[0-9a-f]{64}$/) });

/** The repository's id in what `restic cat config` prints, or undefined. Newer versions may put lines of prose before it. */
export function parseRepositoryId(output: string): string | undefined {
  const parsed = configSchema.safeParse(parseJson(output.slice(output.search(/^\{/m))));
  return parsed.success ? parsed.data.id : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
