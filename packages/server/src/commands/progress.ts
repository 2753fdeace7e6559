// SPDX-License-Identifier: AGPL-3.0-or-later
import { statfs } from 'node:fs/promises';
import { formatBytes } from '@local-backup/common/bytes';

/** A line on a terminal that tells how far something is. */
export interface Progress {
  /** @param done bytes of `total` */
  readonly show: (what: string, done: number, total: number) => void;
  /** Looks again and again at how much less is free where `directory` is, until the next call of anything. */
  readonly followFreeSpace: (what: string, directory: string, total: number) => void;
  /** Takes the line away. */
  readonly end: () => void;
}

const EVERY_MS = 500;

/** Shown on standard error, and only where that is a terminal. */
export function createProgress(terminal: NodeJS.WriteStream = process.stderr): Progress {
  let last = 0;
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
  };
  const write = (text: string) => void (terminal.isTTY && terminal.write(`\r\x1b[K${text}`));
  const show: Progress['show'] = (what, done, total) => {
    if (Date.now() - last < EVERY_MS) return;
    last = Date.now();
    const percent = total === 0 ? 100 : Math.min(100, Math.floor((100 * Math.max(0, done)) / total));
    write(`${what}: ${formatBytes(Math.max(0, done))} of ${formatBytes(total)} (${percent} %)`);
  };
  return {
    show(...args) {
      stop();
      show(...args);
    },
    followFreeSpace(what, directory, total) {
      stop();
      if (!terminal.isTTY) return;
      let before: number | undefined;
      timer = setInterval(async () => {
        const space = await statfs(directory).catch(() => undefined);
        if (space === undefined || timer === undefined) return;
        const free = space.bavail * space.bsize;
        before ??= free;
        show(what, before - free, total);
      }, EVERY_MS).unref();
    },
    end() {
      stop();
      write('');
    },
  };
}
