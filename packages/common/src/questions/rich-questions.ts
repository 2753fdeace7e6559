// SPDX-License-Identifier: AGPL-3.0-or-later
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { showControls } from '../byte-path.ts';
import { ConfirmKeys } from './confirm-keys.ts';
import { DrawnOutput } from './drawn-output.ts';
import type { TerminalIo } from './line-questions.ts';
import type { Choice, Menus, Questions } from './questions.ts';
import type { NextKey } from './terminal-input.ts';

/** Loaded when something is asked: programs start fast. */
const loadPrompts = () => import('@clack/prompts');

/** What a prompt is given. */
interface PromptIo {
  readonly input: Readable;
  readonly output: DrawnOutput;
  readonly signal: AbortSignal;
}

/** Prompts show a bar and a box before a choice, and no line may be broken: in characters. */
const BESIDE_LABEL = 8;

/** Questions that are drawn, with a cursor. */
export class RichQuestions implements Questions {
  readonly #io: TerminalIo;

  constructor(io: TerminalIo) {
    this.#io = io;
  }

  async confirm(question: string): Promise<boolean> {
    const { confirm } = await loadPrompts();
    const keys = new ConfirmKeys();
    const message = showControls(question);
    const prompt = (io: PromptIo) => confirm({ ...io, message, initialValue: false });
    return (await this.#ask(prompt, (key) => keys.press(key))) ?? false;
  }

  async text(question: string, usual?: string): Promise<string | undefined> {
    const { text } = await loadPrompts();
    const kept = usual === undefined ? {} : { placeholder: showControls(usual), defaultValue: usual };
    const message = showControls(question);
    return (await this.#ask((io) => text({ ...io, message, ...kept })))?.trim();
  }

  async secret(question: string): Promise<string | undefined> {
    const { password } = await loadPrompts();
    const message = showControls(question);
    return this.#ask((io) => password({ ...io, message, mask: '*' }));
  }

  readonly menus: Menus = {
    many: async (question, choices) => {
      const { multiselect } = await loadPrompts();
      const initialValues = choices.map(({ value }) => value);
      const message = showControls(question);
      return this.#ask<string[]>((io) => {
        const options = this.#labelled(choices);
        return multiselect<string>({ ...io, message, options, initialValues, required: false });
      }).then((chosen) => chosen && initialValues.filter((value) => chosen.includes(value)));
    },
    one: async (question, choices) => {
      const { select } = await loadPrompts();
      const message = showControls(question);
      const chosen = await this.#ask<string>((io) => {
        return select<string>({ ...io, message, options: this.#labelled(choices) });
      });
      return choices.find(({ value }) => value === chosen)?.value;
    },
  };

  #labelled(choices: readonly Choice<string>[]): { value: string; label: string }[] {
    const room = this.#io.output.columns - BESIDE_LABEL;
    return choices.map(({ value, label }) => {
      const shown = showControls(label);
      return { value, label: shown.length > room ? `${shown.slice(0, room - 3)}...` : shown };
    });
  }

  /**
   * @param translate the keys that a prompt gets for one that is pressed
   * @returns undefined when the terminal was closed
   */
  async #ask<Value>(
    prompt: (io: PromptIo) => Promise<Value | symbol>,
    translate: (key: string) => readonly string[] = (key) => [key],
  ): Promise<Value | undefined> {
    const { input, output, signal } = this.#io;
    const drawn = new DrawnOutput(output, process.env);
    try {
      return await input.withKeys((next) => feed(prompt, { next, translate, output: drawn, signal }), signal);
    } finally {
      drawn.release();
    }
  }
}

interface Feeding {
  readonly next: NextKey;
  readonly translate: (key: string) => readonly string[];
  readonly output: DrawnOutput;
  readonly signal: AbortSignal;
}

/** Key by key, from a stream of its own: a prompt that reads on swallows what belongs to the next question. */
async function feed<Value>(
  prompt: (io: PromptIo) => Promise<Value | symbol>,
  { next, translate, output, signal }: Feeding,
): Promise<Value | undefined> {
  const input = new Readable({ read: () => undefined });
  const closed = new AbortController();
  let isAnswered = false;
  const answer = prompt({ input, output, signal: AbortSignal.any([signal, closed.signal]) }).finally(() => {
    isAnswered = true;
  });
  await setImmediate();
  while (!isAnswered) {
    const key = await next();
    if (key === undefined) {
      closed.abort();
      break;
    }
    await press(input, translate(key));
  }
  const value = await answer;
  return typeof value === 'symbol' ? undefined : value;
}

/** Each has been seen by the prompt when the next one comes; one that has its answer by then takes none. */
async function press(input: Readable, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    input.push(key);
    await setImmediate();
  }
}
