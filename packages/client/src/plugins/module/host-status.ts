// SPDX-License-Identifier: AGPL-3.0-or-later
import { stampOf } from '@local-backup/common/archive-name';
import * as z from 'zod';
import { type ModuleReport, validation } from './reports.ts';

/** host_status.json of the original (A23); what watches it goes on working. */
export const hostStatusSchema = z.looseObject({
  host: z.string(),
  backup_id: z.string(),
  timestamp: z.string(),
  status: z.string(),
  components: z.record(
    z.string(),
    z.looseObject({
      status: z.string(),
      type: z.string(),
      /** The module that has reported it, whose directory its files are in; not in reports of the original. */
      module: z
        .string()
        .regex(/^[A-Za-z0-9_][\w-]*$/)
        .optional(),
      validation: validation.optional(),
    }),
  ),
  metrics: z.looseObject({
    total_duration_seconds: z.number(),
    total_size_bytes: z.number(),
    components_succeeded: z.number(),
    components_failed: z.number(),
  }),
});

export type HostStatus = z.infer<typeof hostStatusSchema>;

interface HostRun {
  readonly host: string;
  readonly started: Date;
  readonly ended: Date;
}

/** The report about all modules of a run; anything but a success counts as failed (A07). Pure. */
export function hostStatusOf(
  results: readonly (ModuleReport & { readonly module: string; readonly problem: string | undefined })[],
  { host, started, ended }: HostRun,
): HostStatus {
  const failed = results.filter(({ problem }) => problem !== undefined).length;
  const components = results.map(({ name, status, type, module, validation, problem }) => {
    const own = problem !== undefined && status === 'success' ? 'failed' : status;
    return [name, { status: own, type, module, validation }] as const;
  });
  return {
    host,
    backup_id: stampOf(started),
    timestamp: ended.toISOString(),
    status: failed === 0 ? 'success' : 'partial_failure',
    components: Object.fromEntries(components),
    metrics: {
      total_duration_seconds: Math.round((ended.getTime() - started.getTime()) / 1000),
      total_size_bytes: results.reduce((sum, { validation }) => sum + validation.size, 0),
      components_succeeded: results.length - failed,
      components_failed: failed,
    },
  };
}
