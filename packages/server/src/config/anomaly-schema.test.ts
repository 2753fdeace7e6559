// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { anomalyLimitsOf, anomalySchema, hostAnomalySchema } from './anomaly-schema.ts';

it('the defaults', () => {
  expect(anomalyLimitsOf(anomalySchema.parse({}))).toEqual({
    ...{ enabled: true, minFiles: 50, minRuns: 5, maxGrowthFactor: 5, maxShrinkShare: 0.5 },
    ...{ maxChangedShare: 0.5, maxDeletedShare: 0.3, maxNewExtensionShare: 0.2, maxIncompressibleShare: 0.7 },
  });
});

it('a host may differ in every single one, and takes the others from the section', () => {
  const section = anomalySchema.parse({ max_changed_share: 0.4, min_runs: 9 });
  const own = {
    ...{ enabled: false, min_files: 1, min_runs: 2, max_growth_factor: 3, max_shrink_share: 0.11 },
    ...{ max_changed_share: 0.12, max_deleted_share: 0.13, max_new_extension_share: 0.14 },
    max_incompressible_share: 0.15,
  };
  expect(anomalyLimitsOf(section, hostAnomalySchema.parse(own))).toEqual({
    ...{ enabled: false, minFiles: 1, minRuns: 2, maxGrowthFactor: 3, maxShrinkShare: 0.11 },
    ...{ maxChangedShare: 0.12, maxDeletedShare: 0.13, maxNewExtensionShare: 0.14, maxIncompressibleShare: 0.15 },
  });
  expect(anomalyLimitsOf(section, hostAnomalySchema.parse({ min_files: 7 }))).toMatchObject({
    ...{ minFiles: 7, minRuns: 9, maxChangedShare: 0.4 },
  });
});

it('shares are shares', () => {
  expect(anomalySchema.safeParse({ max_changed_share: 50 }).success).toBe(false);
  expect(hostAnomalySchema.safeParse({ max_deleted_share: -0.1 }).success).toBe(false);
  expect(hostAnomalySchema.safeParse({ min_runs: 31 }).success).toBe(false);
});
