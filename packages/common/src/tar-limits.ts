// SPDX-License-Identifier: AGPL-3.0-or-later

/** Bounds on what is read; beyond them an archive is refused. */
export interface TarLimits {
  readonly entries: number;
  /** Sum of the sizes of all files, holes included, checked before anything of a file is hashed. */
  readonly bytes: number;
  /** Length of a path or link target. */
  readonly pathBytes: number;
  /** Components of a path. */
  readonly depth: number;
  /** Size of a PAX header or GNU long name. */
  readonly metaBytes: number;
  /** Parts with data of one sparse file. */
  readonly sparseRegions: number;
}

/** Sums over the members of an archive: the same as in the manifest. */
export interface TarTotals {
  readonly files: number;
  readonly entries: number;
  /** Of files, as their readers see them. */
  readonly bytes: number;
}
