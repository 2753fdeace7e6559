// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repository } from '../../scripts/lib/repository.mjs';
import { atTerminal, type Exchange, KEYS, type TerminalKind } from '../helpers/at-terminal.ts';
import { bundle } from '../helpers/bundle.ts';
import { descendantsOf } from '../helpers/process-tree.ts';

/** Asks what its arguments say (`KIND:QUESTION`), and prints the answers as JSON. */
const SOURCE = `
  import { canAsk, openQuestions } from './packages/common/src/questions/questions.ts';
  import { reportError } from './packages/common/src/command-line.ts';
  import { abortOnSignals } from './packages/common/src/signals.ts';
  const choices = ['one', 'two', 'three'].map((value) => ({ value, label: value + ' \\x1b[2J' + 'x'.repeat(200) }));
  const ask = {
    confirm: (questions, question) => questions.confirm(question),
    text: (questions, question) => questions.text(question),
    usual: (questions, question) => questions.text(question, 'usual'),
    secret: (questions, question) => questions.secret(question),
    many: (questions, question) => questions.menus?.many(question, choices),
    one: (questions, question) => questions.menus?.one(question, choices),
  };
  const watch = abortOnSignals();
  try {
    const questions = openQuestions(watch.signal);
    const answers = [];
    for (const word of process.argv.slice(2)) {
      const [kind, question] = word.split(':');
      answers.push((await ask[kind](questions, question)) ?? null);
    }
    process.stdout.write('ANSWERS ' + JSON.stringify([canAsk(), ...answers]) + '\\n');
  } catch (error) {
    process.exitCode = await reportError(error, { json: false });
  } finally {
    watch.dispose();
  }
`;

let built: string;
let program: string;

beforeAll(async () => {
  built = mkdtempSync(join(tmpdir(), 'questions-'));
  program = join(built, 'ask.mjs');
  await bundle(SOURCE, program);
});

afterAll(() => rmSync(built, { recursive: true }));

/** The oldest Node.js that is supported; test/node-versions/package.json. */
const OLDEST_NODE = join(repository, `test/node-versions/node_modules/node-linux-${process.arch}-18/bin/node`);

async function ask(words: readonly string[], exchanges: readonly Exchange[], kind?: TerminalKind) {
  const asked = words.map((word) => `'${word}'`).join(' ');
  const result = await atTerminal(`exec ${OLDEST_NODE} ${program} ${asked}`, exchanges, kind);
  const answers = /ANSWERS (.*)/.exec(result.text)?.[1];
  return { ...result, answers: answers === undefined ? undefined : JSON.parse(answers).slice(1) };
}

const LINES = { env: { TERM: 'dumb' } };

describe.each([
  ['drawn', {}],
  ['in lines', LINES],
  ['drawn in ASCII', { env: { LC_ALL: 'C' } }],
  ['drawn, small and in colours', { columns: 40, rows: 10, env: { NO_COLOR: '', FORCE_COLOR: '1' } }],
])('%s', (_, kind: TerminalKind) => {
  it('y and yes are yes, and nothing else is', async () => {
    const yes = ['y', 'yes', 'YES', 'yess\x7f'];
    const no = ['n', 'NO', ''];
    const words = [...yes, ...no].map((typed) => `confirm:Is it ${JSON.stringify(typed)}`);
    const result = await ask(words, [[/Is it/, [...yes, ...no, ''].join('\r')]], kind);
    expect(result.answers).toEqual([...yes.map(() => true), ...no.map(() => false)]);
  });

  it('what is typed ahead answers each question in its order', async () => {
    const words = ['confirm:First?', 'text:Second?', 'secret:Third?', 'confirm:Fourth?', 'usual:Fifth?'];
    const typed = 'y\r two  words \rsecret1\rno\r\r';
    const { code, answers } = await ask(words, [[/First/, typed]], kind);
    expect([code, answers]).toEqual([0, [true, 'two  words', 'secret1', false, 'usual']]);
  });

  it('a secret is not shown', async () => {
    const { answers, text } = await ask(['secret:Passphrase?'], [[/Passphrase/, 'se\x7fsame\r']], kind);
    expect(answers).toEqual(['ssame']);
    expect(text.replace(/ANSWERS.*/, '')).not.toContain('same');
  });

  it('Ctrl-C ends with 130, Ctrl-D is no answer', async () => {
    const left = await ask(
      ['text:First?', 'confirm:Second?'],
      [
        [/First/, `me${KEYS.enter}`],
        [/Second/, KEYS.ctrlC],
      ],
      kind,
    );
    expect([left.code, left.answers]).toEqual([130, undefined]);
    // The cursor is to be seen again.
    if (left.raw.includes('\x1b[?25l'))
      expect(left.raw.lastIndexOf('\x1b[?25h')).toBeGreaterThan(left.raw.lastIndexOf('\x1b[?25l'));
    const words = ['confirm:First?', 'text:Second?', 'secret:Third?'];
    const closed = await ask(
      words,
      [
        [/First/, KEYS.ctrlD],
        [/Second/, KEYS.ctrlD],
        [/Third/, KEYS.ctrlD],
      ],
      kind,
    );
    expect(closed.answers).toEqual([false, null, null]);
  });
});

it.each([
  ['drawn', 'xterm'],
  ['in lines', 'dumb'],
])('a terminal that is hung up ends it: %s', async (_, TERM) => {
  const errors = join(built, `errors-${TERM}`);
  const command = `stty cols 80 rows 24; exec ${OLDEST_NODE} ${program} confirm:First 2> ${errors}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { env: { ...process.env, TERM } });
  await once(child.stdout, 'data');
  await expect.poll(() => descendantsOf(child.pid ?? 0).some((pid) => isAsking(pid)), { timeout: 60_000 }).toBe(true);
  const programs = descendantsOf(child.pid ?? 0);
  child.kill('SIGKILL');
  await expect.poll(() => programs.filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 60_000 }).toEqual([]);
  // Node.js itself may complain of the terminal that is gone.
  expect(readFileSync(errors, 'utf8')).not.toMatch(/internal error|Unhandled/);
});

/** It handles SIGHUP by then. */
function isAsking(pid: number): boolean {
  const [, caught = '0'] = /^SigCgt:\s+(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (BigInt(`0x${caught}`) & 1n) === 1n;
}

describe('menus', () => {
  it('take keys as sequences, in pieces too, and no escape key', async () => {
    const { answers } = await ask(
      ['many:Which?', 'one:Where?'],
      [
        [/Which\?[\s\S]*three/, `${KEYS.escape}${KEYS.down} ${KEYS.enter}`],
        [/Where\?[\s\S]*three/, `${KEYS.down}${KEYS.down}${KEYS.escape}`],
        [/three/, KEYS.enter],
      ],
    );
    expect(answers).toEqual([['one', 'three'], 'three']);
  });

  it('break no line, and show no escape code of a name', async () => {
    const { raw, text } = await ask(['many:Which?'], [[/three/, KEYS.enter]], { columns: 60 });
    expect(raw).not.toContain('\x1b[2J');
    expect(text).toMatch(/two \\x1b\[2Jx+\.\.\.\n/);
    for (const line of text.split('ANSWERS')[0]?.split('\n') ?? []) expect(line.length).toBeLessThanOrEqual(120);
  });

  it('are ASCII where the locale is', async () => {
    const { text, answers } = await ask(['many:Which?'], [[/three/, KEYS.enter]], { env: { LC_ALL: 'C' } });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
    expect(text).toMatch(/^[\x00-\x7f]*$/);
    expect(answers).toEqual([['one', 'two', 'three']]);
  });

  it.each([
    ['a dumb terminal', LINES],
    ['a narrow one', { columns: 39 }],
    ['a low one', { rows: 9 }],
    ['one of unknown size', { columns: 0 }],
  ])('are not there on %s', async (_, kind: TerminalKind) => {
    const { answers, raw } = await ask(['many:Which?', 'text:Name?'], [[/Name/, 'me\r']], kind);
    expect(answers).toEqual([null, 'me']);
    expect(raw).not.toContain('\x1b');
  });
});
