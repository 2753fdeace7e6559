// SPDX-License-Identifier: AGPL-3.0-or-later
import type { TarLimits } from '@local-backup/common/tar-limits';

/** Files of this host are not bounded; what the server would refuse is left out by the filter, with a warning. */
export const UNBOUNDED: TarLimits = {
  entries: Number.MAX_SAFE_INTEGER,
  bytes: Number.MAX_SAFE_INTEGER,
  pathBytes: Number.MAX_SAFE_INTEGER,
  depth: Number.MAX_SAFE_INTEGER,
  // Held in memory. More than any file system but XFS can hold for one file.
  metaBytes: 64 * 1024 * 1024,
  sparseRegions: Number.MAX_SAFE_INTEGER,
};
