// SPDX-License-Identifier: AGPL-3.0-or-later
import { BACKSPACES, ENTER } from './split-keys.ts';

/** What changes the answer that is shown: a cursor key. */
const TOGGLE = '\x1b[D';

/** Keys that move the mark to the other answer. */
const MOVES: readonly string[] = [
  TOGGLE,
  '\x1b[A',
  '\x1b[B',
  '\x1b[C',
  '\x1bOA',
  '\x1bOB',
  '\x1bOC',
  '\x1bOD',
  '\t',
  ' ',
];

/**
 * Makes the keys for a yes-or-no question out of those that are pressed, so that nothing is answered before Enter: `y` and
 * `yes` is yes, `n` and `no` no, any other word is not taken. The question begins at no.
 */
export class ConfirmKeys {
  #word = '';
  #isYes = false;

  /** The keys to go on with. */
  press(key: string): readonly string[] {
    if (MOVES.includes(key)) {
      this.#word = '';
      return this.#show(!this.#isYes);
    }
    if (key === ENTER) return this.#enter();
    if (BACKSPACES.includes(key)) this.#word = this.#word.slice(0, -1);
    else this.#word += key.toLowerCase();
    return this.#show(isYes(this.#word));
  }

  #enter(): readonly string[] {
    if (this.#word === '' || isYes(this.#word) || /^no?$/.test(this.#word)) return [ENTER];
    this.#word = '';
    return this.#show(false);
  }

  #show(wanted: boolean): readonly string[] {
    if (wanted === this.#isYes) return [];
    this.#isYes = wanted;
    return [TOGGLE];
  }
}

function isYes(word: string): boolean {
  return /^y(?:es)?$/.test(word);
}
