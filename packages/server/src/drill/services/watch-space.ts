// SPDX-License-Identifier: AGPL-3.0-or-later

/** Watches the room on a disk while something that is not trusted may fill it. */
export interface SpaceWatch {
  /** Aborted by the given signal, or when there is no room left. */
  readonly signal: AbortSignal;
  readonly isFull: () => boolean;
  readonly end: () => void;
}

/** Short enough that what is reserved for others (5 % of what was free) is not filled meanwhile. */
const LOOK_MS = 250;

/** @param room bytes that may still be used; below zero is too late */
export function watchSpace(room: () => Promise<number>, signal: AbortSignal): SpaceWatch {
  const full = new AbortController();
  const look = async () => {
    // A disk that cannot be asked is for others to complain of.
    if ((await room().catch(() => 1)) <= 0) full.abort();
  };
  void look();
  const timer = setInterval(() => void look(), LOOK_MS);
  return {
    signal: AbortSignal.any([signal, full.signal]),
    isFull: () => full.signal.aborted,
    end: () => clearInterval(timer),
  };
}
