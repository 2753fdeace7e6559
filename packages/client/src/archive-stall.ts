// SPDX-License-Identifier: AGPL-3.0-or-later

/** Notices that nothing comes from a program any more; the time that its reader takes does not count. */
export interface StallWatch {
  /** The next bytes are waited for. */
  waiting(): void;
  /** Something has come, or nothing is waited for any more. */
  stop(): void;
  readonly stalled: boolean;
}

/** @param onStall called once, when nothing has come for `stallMs` milliseconds */
export function watchForStall(stallMs: number, onStall: () => void): StallWatch {
  let timer: NodeJS.Timeout | undefined;
  let stalled = false;
  const stop = () => clearTimeout(timer);
  return {
    waiting() {
      stop();
      timer = setTimeout(() => {
        stalled = true;
        onStall();
      }, stallMs);
    },
    stop,
    get stalled() {
      return stalled;
    },
  };
}
