// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { recover } from '../../packages/client/src/recover.ts';
import { openUndoJournal } from '../../packages/client/src/undo-journal.ts';
import { ownIdentity } from '../../packages/common/src/process-identity.ts';
import { createPluginDirectory, loadExecutable } from '../helpers/own-plugins.ts';
import { copyContext, restoreContext } from '../helpers/plugin-context.ts';

let plugins: ReturnType<typeof createPluginDirectory>;
const at = (...names: string[]) => join(plugins.root, ...names);

beforeEach(() => {
  plugins = createPluginDirectory();
  for (const name of ['copy', 'scratch', 'kept']) mkdirSync(at(name), { mode: 0o700 });
});
afterEach(() => {
  vi.unstubAllEnvs();
  plugins.remove();
});

/** A plugin in sh, and a context for its restore: `cases` are branches of a `case`, each `stage) commands ;;`. */
async function restoreOf(cases: string) {
  const plugin = await loadExecutable(plugins.add('thing', `#!/bin/sh\ncase $1 in\n${cases}\n*) exit 64 ;;\nesac\n`));
  const copy = { options: {}, copy: at('copy'), scratch: at('scratch') };
  const context = restoreContext(plugin, { ...copy, kept: at('kept') });
  return { plugin, restore: plugin.restore, context, copied: copyContext(plugin, copy) };
}

it('a copy with a link in the place of its directory is not touched', async () => {
  const cases = `verify) touch ${at('called')} ;; restore-plan) touch ${at('called')} ;;`;
  const { plugin, restore, context, copied } = await restoreOf(cases);
  symlinkSync('/etc', at('copy', 'thing'));
  await expect(plugin.verify?.(copied)).rejects.toThrow('is no directory');
  await expect(restore?.plan(context)).rejects.toThrow('is no directory');
  expect(existsSync(at('called'))).toBe(false);
});

describe('a restore that fails', () => {
  it('is not said to be undone by a plugin that has no `revert`', async () => {
    const { restore, context } = await restoreOf(`restore) echo new > ${at('data')}; exit 1 ;;`);
    await expect(restore?.apply(context)).rejects.toThrow('exit code 1');
    await expect(restore?.revert(context)).rejects.toThrow(/has no stage `revert`.*recover --done web\S*\/shop/);
  });

  it('changes nothing where the plugin cannot restore either', async () => {
    const { restore, context } = await restoreOf('run) echo data > file ;;');
    await restore?.apply(context);
    await restore?.revert(context);
  });

  it('is undone by `revert`, which knows what was remembered when the service was stopped', async () => {
    const { restore, context } = await restoreOf(
      `restore-stop) echo ran > "$BACKUP_STATE" ;; restore) exit 1 ;; revert) cp "$BACKUP_STATE" ${at('seen')} ;;`,
    );
    await restore?.stop?.(context);
    await expect(restore?.apply(context)).rejects.toThrow('exit code 1');
    await restore?.revert(context);
    expect(readFileSync(at('seen'), 'utf8')).toBe('ran\n');
  });

  it('is undone after kill -9 from what `restore` had written by then, and its scratch directory goes then only', async () => {
    vi.stubEnv('TMPDIR', at('tmp'));
    const left = at('tmp', 's-00000001', 'one', 't-1');
    mkdirSync(left, { recursive: true });
    writeFileSync(at('tmp', 's-00000001', 'claim'), JSON.stringify({ ...ownIdentity(), startTime: '1' }));
    const file = join(left, '.backup-state');
    writeFileSync(file, 'half done\n');
    const { plugin, context } = await restoreOf(
      `revert) test -e ${at('fails')} && exit 1; cp "$BACKUP_STATE" ${at('seen')} ;;`,
    );
    const journal = openUndoJournal(at('undo'));
    const memo = { begun: true, file, state: '', restoring: true };
    const task = { task: 'thing', plugin: 'thing', options: {}, facts: {}, kept: at('kept') };
    const tasks = [{ ...task, stage: 'applying' as const, memo }];
    await journal.write({ kind: 'restore', service: context.service, copy: at('copy'), tasks });
    const undo = () => recover({ ...context, journal, plugins: [plugin], services: [] });
    writeFileSync(at('fails'), '');
    expect((await undo()).failed).toHaveLength(1);
    expect(existsSync(left)).toBe(true);
    rmSync(at('fails'));
    expect((await undo()).failed).toEqual([]);
    expect(readFileSync(at('seen'), 'utf8')).toBe('half done\n');
    expect(existsSync(at('tmp', 's-00000001'))).toBe(false);
  });
});
