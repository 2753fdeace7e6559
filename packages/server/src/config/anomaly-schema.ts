// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';

/** What a run may differ from the ones before without making the host suspicious. Shares from 0 to 1. */
export interface AnomalyLimits {
  readonly enabled: boolean;
  readonly maxChangedShare: number;
  readonly maxDeletedShare: number;
  readonly maxNewExtensionShare: number;
  readonly maxIncompressibleShare: number;
  readonly maxGrowthFactor: number;
  readonly maxShrinkShare: number;
  readonly minFiles: number;
  readonly minRuns: number;
}

const share = (example: number) =>
  z
    .number()
    .min(0)
    .max(1)
    .meta({ examples: [example] });

const enabled = z.boolean().meta({ examples: [true] });
const about = {
  enabled:
    'Whether runs are compared with the ones before. A host that is marked already stays so until it is released.',
  max_changed_share: 'Files whose content may change from one run to the next, as a share of all.',
  max_deleted_share:
    'Files that may go, and their content with them, as a share of all. Moving and renaming does not count.',
  max_new_extension_share:
    'How many of all files may have an ending that was not there before, while others go: `.locked` and the like.',
  max_incompressible_share:
    'How many of the changed files may be of a kind that can be compressed, and cannot be any more: as if encrypted.',
  max_growth_factor:
    'How many times larger than usual the archive, all files together, their number and the new content may be.',
  max_shrink_share: 'How much smaller than usual the archive and all files together may be: 0.5 means by half.',
  min_files: 'A host with fewer files is suspicious only when nearly all of its files, or of their bytes, are gone.',
  min_runs: 'Runs that have to be there before what is usual for the host is known, and sizes are judged by it.',
} as const;

/** The `anomaly` section of server_config.yml. */
export const anomalySchema = z.strictObject({
  enabled: enabled.prefault(true).describe(about.enabled),
  max_changed_share: share(0.5).prefault(0.5).describe(about.max_changed_share),
  max_deleted_share: share(0.3).prefault(0.3).describe(about.max_deleted_share),
  max_new_extension_share: share(0.2).prefault(0.2).describe(about.max_new_extension_share),
  max_incompressible_share: share(0.7).prefault(0.7).describe(about.max_incompressible_share),
  max_growth_factor: z.number().min(1).max(1_000).prefault(5).describe(about.max_growth_factor),
  max_shrink_share: share(0.5).prefault(0.5).describe(about.max_shrink_share),
  min_files: z.int().min(1).prefault(50).describe(about.min_files),
  min_runs: z.int().min(2).max(30).prefault(5).describe(about.min_runs),
});

/** `anomaly` of a host: what differs there. */
export const hostAnomalySchema = z.strictObject({
  enabled: enabled.optional().describe(about.enabled),
  max_changed_share: share(0.9).optional().describe(about.max_changed_share),
  max_deleted_share: share(0.9).optional().describe(about.max_deleted_share),
  max_new_extension_share: share(0.2).optional().describe(about.max_new_extension_share),
  max_incompressible_share: share(0.7).optional().describe(about.max_incompressible_share),
  max_growth_factor: z
    .number()
    .min(1)
    .max(1_000)
    .optional()
    .describe(about.max_growth_factor)
    .meta({ examples: [20] }),
  max_shrink_share: share(0.5).optional().describe(about.max_shrink_share),
  min_files: z
    .int()
    .min(1)
    .optional()
    .describe(about.min_files)
    .meta({ examples: [50] }),
  min_runs: z
    .int()
    .min(2)
    .max(30)
    .optional()
    .describe(about.min_runs)
    .meta({ examples: [5] }),
});

export type AnomalySection = z.output<typeof anomalySchema>;
export type HostAnomalySection = z.output<typeof hostAnomalySchema>;

/** The limits for a host: those of its own where it has some. */
export function anomalyLimitsOf(section: AnomalySection, own: HostAnomalySection = {}): AnomalyLimits {
  return {
    enabled: own.enabled ?? section.enabled,
    maxChangedShare: own.max_changed_share ?? section.max_changed_share,
    maxDeletedShare: own.max_deleted_share ?? section.max_deleted_share,
    maxNewExtensionShare: own.max_new_extension_share ?? section.max_new_extension_share,
    maxIncompressibleShare: own.max_incompressible_share ?? section.max_incompressible_share,
    maxGrowthFactor: own.max_growth_factor ?? section.max_growth_factor,
    maxShrinkShare: own.max_shrink_share ?? section.max_shrink_share,
    minFiles: own.min_files ?? section.min_files,
    minRuns: own.min_runs ?? section.min_runs,
  };
}
