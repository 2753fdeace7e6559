// SPDX-License-Identifier: AGPL-3.0-or-later
import { StringDecoder } from 'node:string_decoder';
import type { ReadStream } from 'node:tty';
import { takeKey, takeLine } from './split-keys.ts';

/** The next key, whole even if it is a sequence; undefined when the terminal was closed. */
export type NextKey = () => Promise<string | undefined>;

/**
 * What is typed, in its order. One reader for all questions: one for each would swallow what was typed ahead. It reads
 * only while it is waited for, so that it keeps no program from ending.
 */
export class TerminalInput {
  readonly #stream: ReadStream;
  readonly #decoder = new StringDecoder('utf8');
  #text = '';
  #isClosed = false;

  constructor(stream: ReadStream) {
    this.#stream = stream;
  }

  /** @returns undefined when the terminal was closed @throws what the signal was aborted with */
  async line(signal: AbortSignal): Promise<string | undefined> {
    return this.#next(takeLine, signal);
  }

  /** Lets work have each key as it is pressed, shown by nobody. Ctrl-C is still SIGINT, Ctrl-D closes the terminal. */
  async withKeys<Result>(work: (next: NextKey) => Promise<Result>, signal: AbortSignal): Promise<Result> {
    this.#setRaw(true);
    try {
      return await work(() => this.#key(signal));
    } finally {
      this.#setRaw(false);
    }
  }

  #setRaw(isRaw: boolean): void {
    try {
      this.#stream.setRawMode(isRaw);
    } catch {
      // The terminal was hung up: there is nothing to set, and nothing to read.
      this.#isClosed = true;
    }
  }

  async #key(signal: AbortSignal): Promise<string | undefined> {
    for (;;) {
      const key = await this.#next(takeKey, signal);
      if (key === CTRL_C) {
        this.#setRaw(false);
        process.kill(process.pid, 'SIGINT');
      } else {
        return key !== undefined && CLOSING.includes(key) ? undefined : key;
      }
    }
  }

  async #next(take: typeof takeLine, signal: AbortSignal): Promise<string | undefined> {
    for (;;) {
      signal.throwIfAborted();
      const taken = take(this.#text, this.#isClosed);
      if (taken !== undefined) {
        this.#text = taken.rest;
        return taken.value;
      }
      if (this.#isClosed) return undefined;
      await this.#more(signal);
    }
  }

  /** Until something was typed, or nothing will be, or the signal is aborted. */
  async #more(signal: AbortSignal): Promise<void> {
    const stream = this.#stream;
    await new Promise<void>((done) => {
      const settle = () => {
        for (const event of ENDS) stream.off(event, onEnd);
        stream.off('data', onData).pause();
        signal.removeEventListener('abort', settle);
        done();
      };
      const onData = (data: Buffer) => {
        this.#text += this.#decoder.write(data);
        settle();
      };
      const onEnd = () => {
        this.#isClosed = true;
        settle();
      };
      for (const event of ENDS) stream.once(event, onEnd);
      signal.addEventListener('abort', settle, { once: true });
      stream.on('data', onData).resume();
    });
  }
}

const CTRL_C = '\x03';

/** Ctrl-D; the kernel keeps one that was typed before keys are asked for as a NUL. */
const CLOSING: readonly string[] = ['\x04', '\0'];

/** A terminal that was hung up answers with an error. */
const ENDS = ['end', 'close', 'error'];

let standardInput: TerminalInput | undefined;

/** That of this process. */
export function terminalInput(): TerminalInput {
  standardInput ??= new TerminalInput(process.stdin);
  return standardInput;
}
