// SPDX-License-Identifier: AGPL-3.0-or-later
import { Writable } from 'node:stream';

/** What is drawn with, and what stands for it where only ASCII can be shown; one character each, for lines are counted. */
const IN_ASCII: Readonly<Record<string, string>> = {
  ...{ '◆': '*', '◇': 'o', '■': 'x', '▲': '!', '●': '>', '○': ' ', '◼': 'x', '◻': '-', '▪': '*' },
  ...{ '│': '|', '┌': '+', '└': '+', '─': '-', '╮': '+', '├': '+', '╯': '+', '╰': '+', '╭': '+', '…': '.' },
};

/** A terminal as the prompts see it: without what it cannot show. */
export class DrawnOutput extends Writable {
  readonly #stream: NodeJS.WriteStream;
  readonly #isUtf8: boolean;
  readonly #onResize = () => void this.emit('resize');

  /** @param environment of which the locale's variables count (setlocale(3)) */
  constructor(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv) {
    super({ decodeStrings: false });
    const { LC_ALL, LC_CTYPE, LANG } = environment;
    this.#stream = stream;
    this.#isUtf8 = /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
    stream.on('resize', this.#onResize);
  }

  get columns(): number {
    return this.#stream.columns;
  }

  get rows(): number {
    return this.#stream.rows;
  }

  override _write(text: string, _encoding: string, done: () => void): void {
    this.#stream.write(this.#isUtf8 ? text : text.replace(/[\u2010-\u2bff]/g, (each) => IN_ASCII[each] ?? '?'));
    done();
  }

  /** The terminal is as it was before. */
  release(): void {
    this.#stream.off('resize', this.#onResize);
  }
}
