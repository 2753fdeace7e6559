// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addData } from '../helpers/faults.ts';
import { bundleOf, createSystemLab, expectCode, type SystemLab } from '../helpers/system-lab.ts';

/* A server whose host was never set up: no repository, no host key. */

let lab: SystemLab;

beforeAll(async () => {
  lab = await createSystemLab();
  addData(lab, { 'note.txt': 'a note\n' });
});

afterAll(() => lab.remove());

it('without a terminal nobody can be asked, and nothing is done', async () => {
  const { stderr } = await expectCode(2, lab.server('check', '--fix'));
  expect(stderr).toContain('there is no terminal');
  expect(existsSync(join(lab.repository, 'config'))).toBe(false);
});

/** Somebody at a terminal, who answers each question when it is asked. */
async function atTerminal(words: readonly string[], answers: Readonly<Record<string, string>>) {
  const command = [process.execPath, bundleOf('server'), '-c', lab.serverConfig, ...words].join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { timeout: 120_000 });
  const open = new Map(Object.entries(answers));
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const [question, answer] of open) {
      if (!stdout.includes(question)) continue;
      open.delete(question);
      child.stdin.write(`${answer}\n`);
    }
  });
  const [code] = await once(child, 'exit');
  return { code, stdout };
}

it('on a terminal each host that something is wrong with is offered to be set up, and looked at again', async () => {
  const { code, stdout } = await atTerminal(['check', '--fix'], {
    'Set up lab1 now': 'y',
    'Type yes to record': 'yes',
  });
  expect(stdout).toMatch(/FAILED .*lab1: repository/);
  expect(stdout).toContain('repository: created');
  expect(stdout).toMatch(/host key of .*: recorded/);
  const second = stdout.slice(stdout.indexOf(': recorded'));
  expect(second).toMatch(/ok {6}lab1: login and spool/);
  expect(code).toBe(0);
});
