// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planRestore } from '../../packages/client/src/restore/plan-restore.ts';
import { runRestore } from '../../packages/client/src/restore/run-restore.ts';
import { readUserSteps } from '../../packages/client/src/restore/user-steps.ts';
import { parseService } from '../../packages/client/src/service.ts';
import { openUndoJournal } from '../../packages/client/src/undo-journal.ts';
import { toolsOf } from '../../packages/common/src/config/tools.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { vaults } from '../fixtures/plugins/vault/index.ts';
import { silentLog } from './silent-log.ts';

/** What is on the host before a restore, and after one. */
export const NOW = { one: 'new one', two: 'new two', 'one-state': 'on', 'two-state': 'on' };
export const RESTORED = { ...NOW, one: 'saved one', two: 'saved two' };

/** A service with two files, as it was saved in `copy/` and as it is now. */
export function createRestoreLab() {
  const root = mkdtempSync(join(tmpdir(), 'restore-'));
  const at = (...names: string[]) => join(root, ...names);
  const put = (name: string, text: string) => writeFileSync(at(name), text);
  const get = (name: string) => (existsSync(at(name)) ? readFileSync(at(name), 'utf8') : undefined);
  const ioWith = (signal = new AbortController().signal) => ({
    ...{ exec: createRun({ scrub: (text) => text }), tools: toolsOf(), log: silentLog, signal },
    ...{ journal: openUndoJournal(at('undo')), plugins: vaults, services: [] },
    ...{ scratch: at('scratch'), scratchDirectory: at('scratch') },
  });
  const lab = {
    ...{ root, at, put, get, ioWith },
    stateOfHost: () => Object.fromEntries(Object.keys(NOW).map((name) => [name, get(name)])),
    /** What the plugins have done, in order. */
    trace: () => (get('trace') ?? '').trimEnd().split('\n'),
    /** Writes the service.yaml; with points at which a plugin fails. */
    configure(
      fail: { vault?: string; second?: string },
      { container, checks }: { container?: string; checks?: string } = {},
    ): void {
      const task = (file: string, point?: string, more: object = {}) => {
        const places = { file: at(file), state: at(`${file}-state`), trace: at('trace') };
        return JSON.stringify({ ...places, fail: point, ...more });
      };
      const second = task('two', fail.second, { container, checks });
      const text = `vault: ${task('one', fail.vault)}\nsecond: ${second}\n`;
      put('web/shop/service.yaml', `service: {name: shop}\n${text}`);
    },
    /** A step of restore.d. */
    addStep(name: string, script: string, mode = 0o700): void {
      mkdirSync(at('web/shop/restore.d'), { recursive: true });
      writeFileSync(at('web/shop/restore.d', name), `#!/bin/sh\n${script}\n`);
      chmodSync(at('web/shop/restore.d', name), mode);
    },
    async plan({ only, as }: { only?: string; as?: string } = {}) {
      const file = at('web/shop/service.yaml');
      const service = parseService(readFileSync(file, 'utf8'), file, vaults);
      const copy = { directory: at('copy'), manifest: undefined };
      return planRestore({ service, copy, kept: at('restores/one'), as, only }, ioWith());
    },
    async restore(signal?: AbortSignal, taskTimeoutMs = 60_000) {
      const { work } = await lab.plan();
      const { steps } = await readUserSteps(at('web/shop'));
      return runRestore(work, steps, { ...ioWith(signal), taskTimeoutMs });
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
  for (const name of ['copy/vault', 'copy/second', 'web/shop', 'scratch']) mkdirSync(at(name), { recursive: true });
  put('copy/vault/content', 'saved one');
  put('copy/second/content', 'saved two');
  lab.configure({});
  for (const [name, text] of Object.entries(NOW)) put(name, text);
  return lab;
}

export type RestoreLab = ReturnType<typeof createRestoreLab>;
