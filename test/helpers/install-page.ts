// SPDX-License-Identifier: AGPL-3.0-or-later

/** A line of docs/install.md that is typed, and what stands below it. */
export interface PageStep {
  /** The heading (`##`) that it stands under. */
  readonly section: string;
  /** Where it is typed; `build` is the machine that makes the packages. */
  readonly at: 'web1' | 'backup' | 'build';
  readonly command: string;
  /** For an editor: what goes into the file; empty where the comment of the line says it. */
  readonly shown: string;
  /** The number of the line, from 1. */
  readonly line: number;
}

const PROMPT = /^(web1|backup)# (.+)$/;
const INDENT = '    ';

/** Commands that open an editor: what stands below them is content. */
const EDITOR = /^(\(umask 077; )?editor |^systemctl edit /;
/** What is to be changed in a file that is there already. */
const SETTING = /# set (\w+): (\S+)$/;

/** The key that an editor line says to set in a file that is there already. */
export function settingOf(command: string): { readonly key: string; readonly value: string } | undefined {
  const [, key, value] = SETTING.exec(command) ?? [];
  return key === undefined || value === undefined ? undefined : { key, value };
}

interface CodeLine {
  readonly line: number;
  readonly code: string;
}

interface CodeBlock {
  readonly section: string;
  readonly lines: CodeLine[];
}

/**
 * Everything that the page tells to type, in its order.
 *
 * @throws Error that names the line, for every line of a code block that is neither a command nor what goes into a file
 */
export function readPage(text: string): readonly PageStep[] {
  const steps = blocksOf(text).flatMap(stepsOf);
  for (const { command, shown, line } of steps) {
    if (EDITOR.test(command) && (settingOf(command) === undefined) === (shown === '')) {
      throw new Error(`docs/install.md:${line}: what goes into the file? ${command}`);
    }
  }
  return steps;
}

/** Lines that are indented, each block up to the next line that is not. */
function blocksOf(text: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let section = '';
  let isInside = false;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    if (raw.startsWith('```')) throw notUnderstood({ line, code: raw });
    if (raw.startsWith('## ')) section = raw.slice(3);
    const isCode = raw.startsWith(INDENT);
    if (isCode && !isInside) blocks.push({ section, lines: [] });
    if (isCode) blocks.at(-1)?.lines.push({ line, code: raw.slice(INDENT.length) });
    isInside = isCode;
  }
  return blocks;
}

function stepsOf({ section, lines }: CodeBlock): readonly PageStep[] {
  const steps: PageStep[] = [];
  for (const each of lines) {
    const last = steps.at(-1);
    if (last !== undefined && EDITOR.test(last.command) && !PROMPT.test(each.code)) {
      steps.splice(-1, 1, { ...last, shown: `${last.shown}${each.code}\n` });
    } else {
      steps.push({ section, shown: '', line: each.line, ...commandIn(each, steps.length === 0) });
    }
  }
  return steps;
}

/** The packages are made wherever somebody likes to: what begins a block needs no prompt there. */
function commandIn(each: CodeLine, isFirst: boolean): Pick<PageStep, 'at' | 'command'> {
  const [, at, command] = PROMPT.exec(each.code) ?? [];
  if (command !== undefined) return { at: at === 'web1' ? at : 'backup', command };
  if (isFirst && each.code.startsWith('npm run ')) return { at: 'build', command: each.code };
  throw notUnderstood(each);
}

function notUnderstood({ line, code }: CodeLine): Error {
  return new Error(`docs/install.md:${line}: neither a command nor what goes into a file: ${code}`);
}
