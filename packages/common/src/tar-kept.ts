// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * Hands on the bytes of those members that are kept, in slices as long as the chunks allow. A member's first bytes
 * (PAX header, header) pass before it is decided whether it is kept, perhaps in an earlier chunk: they are held back.
 */
export interface KeptBytes {
  /** The next chunk is being read. */
  startChunk(chunk: Buffer): void;
  /** A member starts at this position of the chunk. */
  startMember(at: number): void;
  /** The member that was started last is kept. */
  keep(): void;
  /** The member that was started last, or the end of the archive, is dropped. */
  drop(): void;
  /** The chunk has been read to its end. */
  endChunk(): void;
}

/** @param onBytes gets each slice; it may keep it only as long as it keeps the chunk */
export function createKeptBytes(onBytes: (bytes: Buffer) => void): KeptBytes {
  let chunk: Buffer = Buffer.alloc(0);
  let held: Buffer[] = [];
  let state: 'undecided' | 'keep' | 'drop' = 'drop';
  /** Bytes of the chunk before this one have been handed on, held back or dropped. */
  let done = 0;
  let memberStart = 0;

  const handOn = (end: number) => {
    if (end > done) onBytes(done === 0 && end === chunk.length ? chunk : chunk.subarray(done, end));
    done = end;
  };
  return {
    startChunk(next) {
      chunk = next;
      done = 0;
      memberStart = 0;
    },
    startMember(at) {
      if (state === 'drop') done = at;
      memberStart = at;
      state = 'undecided';
    },
    keep() {
      for (const bytes of held) onBytes(bytes);
      held = [];
      state = 'keep';
    },
    drop() {
      held = [];
      handOn(memberStart);
      state = 'drop';
    },
    endChunk() {
      if (state === 'keep') handOn(chunk.length);
      if (state !== 'undecided') return;
      handOn(memberStart);
      held.push(chunk.subarray(memberStart));
    },
  };
}
