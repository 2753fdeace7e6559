// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { command } from '../../packages/client/src/plugins/command/index.ts';
import { hooks } from '../../packages/client/src/plugins/hooks/index.ts';
import { recover } from '../../packages/client/src/recover.ts';
import { openUndoJournal } from '../../packages/client/src/undo-journal.ts';
import { switchPlugin } from '../fixtures/plugins/switch/index.ts';
import { createClientLab } from '../helpers/client-lab.ts';
import { pluginContract } from './plugin.ts';

const write = (text: string, file: string) => ['sh', '-c', 'printf %s "$0" > "$1"', text, file];

/** A file that says `on` or `off` stands for the service. */
pluginContract(hooks, (directory) => {
  const state = join(directory, 'state');
  writeFileSync(state, 'on');
  return {
    options: { before: write('off', state), after: write('on', state) },
    stateOfHost: () => readFileSync(state, 'utf8'),
    savesNothing: true,
  };
});

describe('hooks of a service', () => {
  let lab: ReturnType<typeof createClientLab>;

  beforeEach(() => {
    lab = createClientLab();
    writeFileSync(lab.at('db'), 'on');
  });

  afterEach(() => lab.remove());

  const run = async (yaml: string) => {
    lab.addService('demo/shop', `service: {name: shop}\n${yaml}`);
    return (await lab.run([command, hooks, switchPlugin])).services[0];
  };
  const log = () => readFileSync(lab.at('log'), 'utf8');
  const note = (word: string) => `echo ${word}, db $(cat ${lab.at('db')}), $BACKUP_SERVICE >> ${lab.at('log')}`;

  it('find the service running, before and after the other tasks', async () => {
    const more = `command: {run: "${note('run')}; echo x > x"}\nswitch: {state: ${lab.at('db')}}`;
    const service = await run(`hooks: {before: "${note('before')}", after: "${note('after')}"}\n${more}\n`);
    expect(service?.status).toBe('success');
    expect(log()).toBe('before, db on, shop\nrun, db off, shop\nafter, db on, shop\n');
    expect(service?.secondsStopped).toBeGreaterThan(0);
    expect(lab.undoEntries()).toEqual([]);
  });

  it('after a run that was killed, `after` finds the service running too', async () => {
    const service = { name: 'shop', type: 'demo', configDirectory: lab.root };
    const journal = openUndoJournal(lab.at('state', 'undo'));
    const entry = { kind: 'task', service } as const;
    const task = { before: 'true', after: note('after'), timeout: 60_000, environment: {} };
    await journal.write({ ...entry, task: 'hooks', plugin: 'hooks', options: task, memo: { begun: true } });
    const options = { state: lab.at('db') };
    await journal.write({ ...entry, task: 'switch', plugin: 'switch', options, memo: { was: 'on' } });
    writeFileSync(lab.at('db'), 'off');
    const { undone } = await recover({ ...lab.ioWith([command, hooks, switchPlugin]), services: [] });
    expect(undone).toEqual(['what switch did to demo/shop', 'what hooks did to demo/shop']);
    expect(log()).toBe('after, db on, shop\n');
  });

  it('a `before` that fails keeps the service from being touched, and `after` runs', async () => {
    const service = await run(
      `hooks: {before: "exit 3", after: "${note('after')}"}\ncommand: {run: "touch ${lab.at('ran')}; echo x > x"}\n`,
    );
    expect(service?.status).toBe('failed');
    expect(service?.tasks[0]?.messages[0]).toMatch(/^prepare: sh .*3/);
    expect(log()).toBe('after, db on, shop\n');
    expect(existsSync(lab.at('ran'))).toBe(false);
  });

  it('alone are refused: nothing would be saved', async () => {
    const service = await run('hooks: {before: "true"}\n');
    expect(service?.messages[0]).toContain(
      'service.yaml:1:1: there is no task beside `hooks`, so nothing would be saved',
    );
  });

  it.each([
    ['hooks: {}', 'service.yaml:2:8: hooks: holds neither `before` nor `after`'],
    ['hooks: {run: x}', 'service.yaml:2:9: hooks.run: unknown key'],
    ['hooks: {before: [no-such-program]}', 'hooks: before: no-such-program not found in '],
  ])('a mistake in them is found before anything is done: %s', async (yaml, message) => {
    const service = await run(`${yaml}\ncommand: {run: "echo x > x"}\n`);
    expect(service?.status).toBe('failed');
    expect(service?.messages.join('\n')).toContain(message);
  });
});
