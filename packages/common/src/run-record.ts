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
  /** How long it stood still for the backup; missing where nothing had to be stopped. */
  secondsStopped: z.number().min(0).optional(),
});

const upkeepSchema = z.strictObject({
  /** Snapshots that were there before. */
  snapshots: z.int().min(0),
  forgotten: z.int().min(0),
  /** Which part of the stored data was read back: `all`, `3/12`, `10%`. */
  dataRead: z.string().optional(),
  /** What the repository occupies, in bytes. */
  bytes: z.int().min(0).optional(),
  /** What it occupied after the maintenance before. */
  bytesBefore: z.int().min(0).optional(),
});

const drillLoadedSchema = z.strictObject({
  /** Services that would come back, and those that would not. */
  proven: z.int().min(0),
  failed: z.int().min(0),
  /** Those that were not looked at, or not at all of them, and why; the first hundred. */
  unseen: z.array(z.strictObject({ service: z.string(), why: z.string() })),
  unseenCount: z.int().min(0),
  seconds: z.number().min(0),
});

const drillSchema = z.strictObject({
  snapshot: z.string(),
  /** Of the snapshot, by the server's clock. */
  taken: z.iso.datetime(),
  /** The services that were restored; missing: the whole snapshot. */
  services: z.array(z.string()).optional(),
  entries: z.int().min(0),
  bytes: z.int().min(0),
  /** Of the restore alone, without the comparison. */
  restoreSeconds: z.number().min(0),
  /** At level `services`: what the plugins have said of the services; missing: files were compared, nothing was loaded. */
  loaded: drillLoadedSchema.optional(),
});

const copySchema = z.strictObject({
  name: z.string(),
  status: statusSchema,
  seconds: z.number().min(0),
  message: z.string().optional(),
  /** When the newest snapshot that is there was taken. */
  newest: z.iso.datetime().optional(),
});

const suspicionSchema = z.strictObject({
  evidence: z.array(z.string()),
  /** The last snapshot before. */
  lastGood: z.string().optional(),
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
  /** What a maintenance did. */
  upkeep: upkeepSchema.optional(),
  /** What a drill restored. */
  drill: drillSchema.optional(),
  /** How each further repository fared. */
  copies: z.array(copySchema).optional(),
  /** The backup is so unlike the ones before that somebody should look at it: nothing is forgotten meanwhile. */
  suspicion: suspicionSchema.optional(),
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
export type UpkeepRecord = z.infer<typeof upkeepSchema>;
export type DrillRecord = z.infer<typeof drillSchema>;
export type CopyRecord = z.infer<typeof copySchema>;
export type Suspicion = z.infer<typeof suspicionSchema>;
export type ServiceResult = z.infer<typeof serviceResultSchema>;
