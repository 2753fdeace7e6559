// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * The largest piece to ask for, in bytes. 254 KiB is what every OpenSSH answers in one packet (256 KiB less overhead);
 * more would be split into two requests one after the other.
 */
export const PIECE_BYTES = 254 * 1024;

/** Measured on loopback: with 16 such pieces asked for ahead, an SFTP fetch is as fast as OpenSSH's own. */
const MAX_AHEAD_BYTES = 16 * PIECE_BYTES;
const START_AHEAD_BYTES = 128 * 1024;
const MIN_AHEAD_BYTES = 16 * 1024;

/** Answers faster than this let more be asked for ahead; slower than `LATE_MS` less. */
const PROMPT_MS = 1_000;
const LATE_MS = 3_000;

/** How much to ask a peer for before the answers are in. */
export interface Flow {
  /** Size of the next piece, in bytes. */
  pieceBytes(): number;
  /** May a piece be asked for while so many bytes are asked for and not handed on yet? */
  mayAsk(ahead: number): boolean;
  /** A piece came so many milliseconds after it had been asked for. */
  answered(latencyMs: number): void;
}

/**
 * Starts small and asks for more while answers are prompt, as TCP does. On a slow line a fixed 4 MiB ahead would queue
 * for minutes in front of keepalive answers, and a healthy peer would look dead.
 * @param bandwidth bytes per second; no more than one second of it is asked for ahead
 */
export function createFlow(bandwidth = Number.POSITIVE_INFINITY): Flow {
  const most = Math.max(MIN_AHEAD_BYTES, Math.min(MAX_AHEAD_BYTES, Math.floor(bandwidth)));
  let allowed = Math.min(START_AHEAD_BYTES, most);
  const pieceBytes = () => Math.min(PIECE_BYTES, Math.floor(allowed / 2));
  return {
    pieceBytes,
    mayAsk: (ahead) => ahead === 0 || ahead + pieceBytes() <= allowed,
    answered(latencyMs) {
      if (latencyMs < PROMPT_MS) allowed = Math.min(most, allowed + pieceBytes());
      if (latencyMs > LATE_MS) allowed = Math.max(MIN_AHEAD_BYTES, Math.floor(allowed / 2));
    },
  };
}

/**
 * Spreads bytes evenly over time.
 * @returns a function that books `bytes` and tells how many milliseconds to wait before asking for them
 */
export function createPacer(bytesPerSecond: number): (bytes: number, nowMs: number) => number {
  let freeAt = 0;
  return (bytes, nowMs) => {
    const start = Math.max(nowMs, freeAt);
    freeAt = start + (bytes / bytesPerSecond) * 1000;
    return start - nowMs;
  };
}
