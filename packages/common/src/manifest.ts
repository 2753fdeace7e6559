// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import { HOSTNAME_PATTERN, parseArchiveName } from './archive-name.ts';
import { statusSchema } from './status.ts';

const count = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** Text out of a manifest ends up in mails: bounded here, escaped where it is shown. */
const message = z.string().max(10_000);

/** The name of a service and the type it is filed under: both become directories of the archive. */
export const SERVICE_NAME_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/;

const serviceName = z.string().regex(SERVICE_NAME_PATTERN);

const taskSchema = z.strictObject({
  plugin: z.string().min(1).max(100),
  status: statusSchema,
  messages: z.array(message).max(1_000),
  seconds: z.number().min(0),
  /** What a restore has to know: plugin versions, database engine versions, image digests. */
  facts: z.record(z.string().max(100), z.string().max(1_000)),
});

/** What is told of one service. */
export const serviceSchema = z.strictObject({
  name: serviceName,
  type: serviceName,
  status: statusSchema,
  messages: z.array(message).max(1_000),
  started: z.iso.datetime(),
  seconds: z.number().min(0),
  /** Seconds that the service stood still, from prepare to the end of post; 0 where nothing had to be stopped. */
  secondsStopped: z.number().min(0),
  bytes: count,
  files: count,
  tasks: z.array(taskSchema).max(1_000),
});

/**
 * The manifest beside an archive, `<archive>.json`: the contract between client and server. Sizes in bytes, times in
 * UTC. Everything in it was written by the client and is believed only after it has been compared with the archive.
 */
export const manifestSchema = z
  .strictObject({
    format: z.literal(1),
    hostname: z.string().regex(HOSTNAME_PATTERN),
    archive: z.string().refine((name) => parseArchiveName(name) !== undefined, 'not the name of an archive'),
    created: z.iso.datetime(),
    kind: z.enum(['full', 'delta']),
    /** The archive that a delta builds on. */
    base: z.string().optional(),
    clientVersion: z.string().max(100),
    bytes: count,
    sha256,
    /** Sums over the members of the archive. */
    totals: z.strictObject({ files: count, entries: count, bytes: count }),
    entryList: z.strictObject({ name: z.string().max(500), bytes: count, sha256 }),
    status: statusSchema,
    services: z.array(serviceSchema).min(1).max(10_000),
  })
  .refine((manifest) => parseArchiveName(manifest.archive)?.hostname === manifest.hostname, {
    path: ['archive'],
    message: 'the archive is named after another host than `hostname`',
  });

export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestService = z.infer<typeof serviceSchema>;
export type ManifestTask = z.infer<typeof taskSchema>;

/** A manifest of one service is about 1 KB; more than this is not one of ours. */
export const MANIFEST_MAX_BYTES = 16 * 1024 * 1024;
