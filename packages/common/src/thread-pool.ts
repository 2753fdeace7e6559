// SPDX-License-Identifier: AGPL-3.0-or-later

/** libuv's own number of threads; file operations share them with compression. */
const DEFAULT_THREADS = 4;

/** No more blocks than this are compressed at the same time, see parallel-gzip.ts. */
const MOST_THREADS = 16;

/**
 * Lets as many blocks be compressed at the same time as there are cores. To be called at the top of the program: libuv
 * reads the variable when its threads are first used, by any asynchronous file operation. It has no effect where the
 * program itself is an ES module, because Node loads those on the same threads. A value of the admin's own is left
 * alone; programs that are started do not inherit it.
 */
export function sizeThreadPool(cores: number): void {
  process.env.UV_THREADPOOL_SIZE ??= String(Math.min(Math.max(cores, DEFAULT_THREADS), MOST_THREADS));
}
