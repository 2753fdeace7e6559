// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '../byte-path.ts';
import type { Questions } from './questions.ts';
import { BACKSPACES, ENTER } from './split-keys.ts';
import type { NextKey, TerminalInput } from './terminal-input.ts';

/** Where questions are asked. */
export interface TerminalIo {
  readonly input: TerminalInput;
  readonly output: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

/** Questions and answers as lines: any terminal can show them. */
export class LineQuestions implements Questions {
  readonly #io: TerminalIo;

  constructor(io: TerminalIo) {
    this.#io = io;
  }

  async confirm(question: string): Promise<boolean> {
    return /^y(?:es)?$/i.test((await this.text(`${question} [y/N]`)) ?? '');
  }

  async text(question: string, usual?: string): Promise<string | undefined> {
    const { input, output, signal } = this.#io;
    output.write(`${showControls(usual === undefined ? question : `${question} [${usual}]`)} `);
    const answer = (await input.line(signal))?.trim();
    return answer === '' ? (usual ?? '') : answer;
  }

  async secret(question: string): Promise<string | undefined> {
    const { input, output, signal } = this.#io;
    return input.withKeys(async (next) => {
      // Not before: nothing that is typed from now on is shown.
      output.write(`${showControls(question)} `);
      return readHidden(next).finally(() => output.write('\n'));
    }, signal);
  }
}

async function readHidden(next: NextKey): Promise<string | undefined> {
  const typed: string[] = [];
  for (;;) {
    const key = await next();
    if (key === undefined) return undefined;
    if (key === ENTER) return typed.join('');
    if (BACKSPACES.includes(key)) typed.pop();
    else if (!key.startsWith('\x1b')) typed.push(key);
  }
}
