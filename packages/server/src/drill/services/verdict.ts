// SPDX-License-Identifier: AGPL-3.0-or-later
import { serviceSchema } from '@local-backup/common/manifest';
import * as z from 'zod';

/** What goes into the cage: which service of the copy is to be looked at. */
export const jobSchema = z.strictObject({
  /** `<type>/<name>` */
  service: z.string().regex(/^[^/]+\/[^/]+$/),
  /** What the manifest says of it. */
  manifest: serviceSchema.optional(),
});

const checkSchema = z.strictObject({ name: z.string().max(2_000), message: z.string().max(10_000) });

/** What comes out of it. The program in there has read what is not trusted: it is believed no more than that. */
export const verdictSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('looked'),
    tasks: z.array(
      z.strictObject({
        task: z.string().max(1_000),
        ok: z.int().min(0),
        failed: z.int().min(0),
        skipped: z.int().min(0),
        /** The first of those that failed, and of those that were skipped. */
        failures: z.array(checkSchema),
        skips: z.array(checkSchema),
      }),
    ),
    /** Tasks whose plugin this program does not have: plugins of the host's own. */
    unknown: z.array(z.string().max(1_000)),
  }),
  /** There is no service.yaml, or one that this version does not understand. */
  z.strictObject({ kind: z.literal('unreadable'), why: z.string().max(10_000) }),
]);

export type Job = z.infer<typeof jobSchema>;
export type Verdict = z.infer<typeof verdictSchema>;
export type TaskVerdict = Extract<Verdict, { kind: 'looked' }>['tasks'][number];
