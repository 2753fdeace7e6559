// SPDX-License-Identifier: AGPL-3.0-or-later

/** Keeps the beginning and the end of an output of any length in bounded memory. */
export interface BoundedCapture {
  readonly push: (chunk: Buffer) => void;
  /** What was kept; says in its middle how much is missing. Bytes that are not UTF-8 become U+FFFD. */
  readonly text: () => string;
  readonly truncated: () => boolean;
}

/** @param limits bytes kept of the beginning and of the end */
export function createCapture(limits: { readonly first: number; readonly last: number }): BoundedCapture {
  const first: Buffer[] = [];
  let firstBytes = 0;
  let last: Buffer[] = [];
  let lastBytes = 0;
  let dropped = 0;

  const pushLast = (chunk: Buffer): void => {
    last.push(chunk);
    lastBytes += chunk.length;
    // Twice the limit before trimming, so that an output in small pieces is not copied once per piece.
    if (lastBytes <= 2 * limits.last) return;
    const kept = tailOf(last, limits.last);
    dropped += lastBytes - kept.length;
    last = [kept];
    lastBytes = kept.length;
  };

  return {
    push: (chunk) => {
      const room = Math.min(limits.first - firstBytes, chunk.length);
      if (room > 0) first.push(chunk.subarray(0, room));
      firstBytes += room;
      if (room < chunk.length) pushLast(chunk.subarray(room));
    },
    text: () => {
      const end = tailOf(last, limits.last);
      const missing = dropped + lastBytes - end.length;
      if (missing === 0) return Buffer.concat([...first, end]).toString();
      return `${Buffer.concat(first)}\n[... ${missing} bytes left out ...]\n${end}`;
    },
    truncated: () => dropped > 0 || lastBytes > limits.last,
  };
}

function tailOf(chunks: readonly Buffer[], bytes: number): Buffer {
  const all = Buffer.concat(chunks);
  // A copy, because a part would keep the whole in memory.
  return all.length <= bytes ? all : Buffer.from(all.subarray(all.length - bytes));
}
