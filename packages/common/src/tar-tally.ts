// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Entry } from './entry.ts';
import type { Refuse } from './tar-header.ts';
import type { TarLimits, TarTotals } from './tar-limits.ts';

/** Counts the members of an archive and holds them to the limits. */
export class TarTally {
  readonly #limits: TarLimits;
  readonly #refuse: Refuse;
  #files = 0;
  #entries = 0;
  #bytes = 0;

  constructor(limits: TarLimits, refuse: Refuse) {
    this.#limits = limits;
    this.#refuse = refuse;
  }

  /** Refuses a member that goes beyond the limits. */
  check({ path, link, size }: Entry): void {
    const { entries, bytes, pathBytes, depth } = this.#limits;
    if (this.#entries >= entries) this.#refuse(`the archive has more than ${entries} members`);
    if (this.#bytes + size > bytes) this.#refuse(`the archive holds more than ${bytes} bytes`);
    if (path.length > pathBytes) this.#refuse(`its path is longer than ${pathBytes} bytes`);
    if (link !== undefined && link.length > pathBytes)
      this.#refuse(`its link target is longer than ${pathBytes} bytes`);
    if (path.length > depth && depthOf(path) > depth) this.#refuse(`it lies deeper than ${depth} directories`);
  }

  /** A member has passed. */
  add({ type, size }: Entry): void {
    this.#entries += 1;
    this.#bytes += size;
    if (type === 'file') this.#files += 1;
  }

  totals(): TarTotals {
    return { files: this.#files, entries: this.#entries, bytes: this.#bytes };
  }
}

/** Components of a path. */
export function depthOf(path: string): number {
  let depth = 1;
  for (let index = path.indexOf('/'); index >= 0; index = path.indexOf('/', index + 1)) depth += 1;
  return depth;
}
