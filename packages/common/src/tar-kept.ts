// SPDX-License-Identifier: AGPL-3.0-or-later

/**
 * Hands on the bytes of those members that are kept, in slices as long as the chunks allow. Members are held back until
 * they are whole, so that one that is cut off or dropped leaves nothing behind; only large ones are handed on as they
 * come.
 */
export interface KeptBytes {
  /** The next chunk is being read. */
  startChunk(chunk: Buffer): void;
  /** A member starts at this position of the chunk. */
  startMember(at: number): void;
  /** The member that was started last is kept, and too large to be held back. */
  handOnLarge(): void;
  /** The member that was started last, or the end of the archive, is dropped. */
  drop(): void;
  /** The member that was started last, and is kept, ends before this position of the chunk. */
  complete(at: number): void;
  /** The chunk has been read to its end. */
  endChunk(): void;
  /** Nothing more comes: forgets the member that is not whole; true where a part of it has been handed on. */
  cutOff(): boolean;
}

export interface KeptBytesOptions {
  /** Gets each slice; it may keep it only as long as it keeps the chunk. */
  readonly onBytes: (bytes: Buffer) => void;
  /** Called before the first slice of a large member. */
  readonly onLarge: () => void;
}

export function createKeptBytes({ onBytes, onLarge }: KeptBytesOptions): KeptBytes {
  let chunk: Buffer = Buffer.alloc(0);
  let held: Buffer[] = [];
  let state: 'hold' | 'large' | 'drop' = 'drop';
  /** Bytes of the chunk before this one have been handed on, held back or dropped. */
  let done = 0;
  /** Bytes of the chunk before this one belong to whole members. */
  let whole = 0;

  const handOn = (end: number) => {
    if (end > done) onBytes(done === 0 && end === chunk.length ? chunk : chunk.subarray(done, end));
    done = Math.max(done, end);
  };
  const handOnHeld = () => {
    for (const bytes of held) onBytes(bytes);
    held = [];
  };
  return {
    startChunk(next) {
      chunk = next;
      done = 0;
      whole = 0;
    },
    startMember(at) {
      if (state === 'drop') done = at;
      whole = at;
      state = 'hold';
    },
    handOnLarge() {
      handOn(whole);
      onLarge();
      handOnHeld();
      state = 'large';
    },
    drop() {
      held = [];
      handOn(whole);
      state = 'drop';
    },
    complete(at) {
      handOnHeld();
      whole = at;
      state = 'hold';
    },
    endChunk() {
      if (state === 'drop') return;
      handOn(state === 'large' ? chunk.length : whole);
      if (state === 'hold' && whole < chunk.length) held.push(chunk.subarray(whole));
    },
    cutOff() {
      const begun = state === 'large';
      if (state === 'hold') handOn(whole);
      held = [];
      state = 'drop';
      return begun;
    },
  };
}
