// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { atTerminal, type Exchange, KEYS, type TerminalKind } from '../helpers/at-terminal.ts';
import { useInitProgram } from '../helpers/init-program.ts';
import { descendantsOf } from '../helpers/process-tree.ts';

const { down, enter } = KEYS;

/** Which?, and that the list is whole. */
const LIST = /Which of these[\s\S]*files\/home/;
const WRITE = /Write .*service\.yaml\?[\s\S]*Write none/;
const WHO = /Who gets mail/;

const { lab, program } = useInitProgram();

function init(exchanges: readonly Exchange[], kind?: TerminalKind) {
  return atTerminal(`exec ${process.execPath} ${program()} ${lab().at()} '{}'`, exchanges, kind);
}

it('offers all in one list, shows the files, and writes what was left in it', async () => {
  const { code, text, unanswered } = await init([
    [LIST, ` ${enter}`],
    [WRITE, `${down}${enter}`],
    [/--- files\/home[\s\S]*Write .*\?/, enter],
    [WHO, `no body${enter}`],
    [/no mail address/, `nobody@example.net${enter}`],
  ]);
  expect([code, unanswered]).toEqual([0, 0]);
  expect(text).toContain('◆  Write 2 files service.yaml?');
  expect(Object.keys(lab().written())).toEqual([
    'client_config.yml',
    'files/home/service.yaml',
    'system/etc/service.yaml',
  ]);
  expect(readFileSync(lab().configFile, 'utf8')).toContain('admin_email: nobody@example.net\n');
});

it('writes nothing where that was said, or it is left before the last answer', async () => {
  const none = await init([
    [LIST, 'a'],
    [/◻ files/, enter],
    [/None is chosen[\s\S]*again/, `${down}${enter}`],
    [LIST, KEYS.ctrlD],
  ]);
  expect([none.code, none.unanswered]).toEqual([2, 0]);
  const left = await init([
    [LIST, enter],
    [WRITE, KEYS.ctrlC],
  ]);
  expect([left.code, left.unanswered]).toEqual([130, 0]);
  expect(lab().written()).toEqual({});
});

it('Ctrl-C ends it while it looks whether all can be saved, whatever that waits for', async () => {
  lab().configure();
  lab().file('/plugins/slow', '#!/bin/sh\ncase $1 in validate) exec sleep 1000 ;; *) exit 64 ;; esac\n');
  chmodSync(lab().at('root/plugins/slow'), 0o755);
  lab().service('app/slow', 'service: {name: slow}\nslow: {}\n');
  const running = atTerminal(`exec ${process.execPath} ${program()} ${lab().at()} '{"yes":true}'`, []);
  const isWaiting = () => descendantsOf(process.pid).some((pid) => commandOf(pid) === 'sleep 1000');
  await expect.poll(isWaiting, { timeout: 60_000 }).toBe(true);
  const [init] = descendantsOf(process.pid).filter((pid) =>
    commandOf(pid).startsWith(`${process.execPath} ${program()} `),
  );
  process.kill(init ?? 0, 'SIGINT');
  expect((await running).code).toBe(130);
  expect(isWaiting()).toBe(false);
});

/** Empty where it has ended. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
