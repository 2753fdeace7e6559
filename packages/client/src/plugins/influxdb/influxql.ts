// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';

/** One table of an answer. */
export interface Series {
  readonly name?: string | undefined;
  readonly columns: readonly string[];
  readonly values: readonly (readonly unknown[])[];
}

/** Asks in InfluxQL; the series of the answer. */
export type Ask = (text: string, database?: string) => Promise<readonly Series[]>;

/** An identifier of InfluxQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

const answer = z.looseObject({
  results: z.array(
    z.looseObject({
      series: z
        .array(
          z.looseObject({
            name: z.string().optional(),
            columns: z.array(z.string()).default([]),
            values: z.array(z.array(z.unknown())).default([]),
          }),
        )
        .optional(),
      error: z.string().optional(),
    }),
  ),
});

/** How much of an answer that cannot be read is shown, in characters. */
const SHOWN = 200;

/**
 * What version 1 answers, in JSON.
 * @param title of the server, for messages
 * @throws BackupError `failed` with what the server says against it
 */
export function seriesOf(text: string, title: string): readonly Series[] {
  const parsed = answer.safeParse(tryJson(text));
  if (!parsed.success) {
    throw new BackupError('failed', `${title}: no answer that can be read: ${showControls(text.slice(0, SHOWN))}`);
  }
  const problem = parsed.data.results.find(({ error }) => error !== undefined)?.error;
  if (problem !== undefined) throw new BackupError('failed', `${title}: ${showControls(problem)}`);
  return parsed.data.results.flatMap(({ series = [] }) => series);
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
