// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { Memo } from '../../plugin.ts';
import { type Container, containerSchema } from './containers.ts';

const schema = z.object({
  mode: z.enum(['stop', 'down', 'pause']),
  /** All containers of the project as they were before. */
  containers: z.array(containerSchema),
  /** Ids of those that ran, and were to be stopped. */
  stopped: z.array(z.string()),
  dependencies: z.record(z.string(), z.array(z.string())),
  /** Set when all of them were seen to be down: no stop is under way any more. */
  isQuiet: z.boolean().default(false),
});

/** What `prepare` stops, on disk before it does: all that `post` needs, even where the compose file is gone by then. */
export type Stopped = z.infer<typeof schema>;

/** @throws BackupError `failed` where another version has written it */
export function parseStopped(memo: Memo): Stopped {
  const { data, error } = schema.safeParse(memo);
  if (data !== undefined) return data;
  throw new BackupError(
    'failed',
    `What was remembered of the stopped containers cannot be read: ${z.prettifyError(error)}`,
  );
}

/** The containers that ran. */
export function ranBefore({ containers, stopped }: Stopped): readonly Container[] {
  return containers.filter(({ id }) => stopped.includes(id));
}

/** Their services, each once. */
export function servicesOf(containers: readonly Container[]): readonly string[] {
  return [...new Set(containers.map(({ service }) => service))];
}

/** When each of them was started last, by its id. */
export function startsOf(containers: readonly Container[]): Record<string, string> {
  return Object.fromEntries(containers.map(({ id, startedAt }) => [id, startedAt]));
}
