// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import { statusSchema } from './status.ts';

const stepSchema = z.strictObject({
  name: z.string(),
  status: statusSchema,
  started: z.iso.datetime(),
  seconds: z.number().min(0),
  message: z.string().optional(),
  /** `ErrorCode` of a failed step, or the reason code of a skipped one such as `SKIPPED_DUPLICATE`. */
  code: z.string().optional(),
});

const serviceResultSchema = z.strictObject({
  name: z.string(),
  type: z.string(),
  status: statusSchema,
  messages: z.array(z.string()),
});

const hostSchema = z.strictObject({
  host: z.string(),
  status: statusSchema,
  started: z.iso.datetime(),
  seconds: z.number().min(0),
  steps: z.array(stepSchema),
  archive: z.string().optional(),
  /** When the client made the archive, by the client's clock. */
  archiveCreated: z.iso.datetime().optional(),
  archiveBytes: z.int().min(0).optional(),
  snapshot: z.string().optional(),
  /** The snapshot lacks items that could not be read: it does not count as a success, the next run stores it again. */
  incomplete: z.boolean().optional(),
  filesNew: z.int().min(0).optional(),
  filesChanged: z.int().min(0).optional(),
  filesUnmodified: z.int().min(0).optional(),
  bytesProcessed: z.int().min(0).optional(),
  bytesAdded: z.int().min(0).optional(),
  /** Reason code of a host that was skipped: `SKIPPED_CLIENT_LOCK`, `SKIPPED_DUPLICATE`, `SKIPPED_OLDER`. */
  skipped: z.string().optional(),
  /** What the client's manifest says about each service. */
  services: z.array(serviceResultSchema),
});

/** What one invocation of a command leaves behind: plain data, one JSON file per run. Times in UTC. */
export const runRecordSchema = z.strictObject({
  format: z.literal(1),
  /** `YYYYmmdd_HHMMSS-` and eight random hex digits. */
  id: z.string().regex(/^\d{8}_\d{6}-[0-9a-f]{8}$/),
  program: z.enum(['backup-client', 'backup-server']),
  command: z.string(),
  version: z.string(),
  hostname: z.string(),
  started: z.iso.datetime(),
  /** Missing while the run is under way, or when it was killed. */
  ended: z.iso.datetime().optional(),
  status: z.enum(['running', ...statusSchema.options]),
  /** Steps of the run itself that belong to no host. */
  steps: z.array(stepSchema),
  hosts: z.array(hostSchema),
});

export type StepRecord = z.infer<typeof stepSchema>;
export type HostRecord = z.infer<typeof hostSchema>;
export type RunRecord = z.infer<typeof runRecordSchema>;
export type ServiceResult = z.infer<typeof serviceResultSchema>;
