// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Memo } from '../../packages/client/src/plugin.ts';
import { stateDump } from '../../packages/client/src/plugins/state-dump/index.ts';
import { BackupError } from '../../packages/common/src/errors.ts';
import { createRun, type Run } from '../../packages/common/src/exec.ts';
import { readTree } from '../helpers/file-tree.ts';
import { moduleIn, PODMAN } from '../helpers/node-module.ts';
import { applyRestore, restoreContext } from '../helpers/plugin-context.ts';
import { killedAfter, refusing } from '../helpers/snapshot-lab.ts';

/** `nobody` of Debian: the owner of a rootless module. */
const NOBODY = 65_534;

let work: string;
const at = (...names: string[]) => join(work, ...names);
const textOf = (...names: string[]) => (existsSync(at(...names)) ? readFileSync(at(...names), 'utf8') : undefined);
const calls = () => (textOf('podman.calls') ?? '').split('\n').filter((line) => line !== '');

/** A file below `work`. */
function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text, { mode });
  chmodSync(at(path), mode);
}

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'state-dump-'));
  chmodSync(work, 0o755);
  for (const name of ['scratch', 'kept', 'volumes']) mkdirSync(at(name));
  write('podman', `#!/bin/sh\ncd '${work}'\n${PODMAN}`, 0o755);
  write('podman.calls', '', 0o666);
  write('copy/module/state/environment', 'IMAGE_URL=ghcr.io/example/samba:1\nMODULE_ID="samba9"\n');
});

afterEach(() => rmSync(work, { recursive: true, force: true }));

const tools = () => ({ docker_cmd: at('podman') });
const contextOf = (options: object, given: { memo?: Memo; exec?: Run; facts?: Record<string, string> } = {}) => {
  const places = { copy: at('copy'), scratch: at('scratch'), kept: at('kept') };
  return restoreContext(stateDump, { options, tools: tools(), ...places, ...given });
};
const planOf = async (options: object, facts = {}) =>
  ((await stateDump.restore?.plan(contextOf(options, { facts }))) ?? []).map(({ action, what }) => `${action} ${what}`);

it('state and volumes come back around the steps of the module; the environment stays, and all can be taken back', async () => {
  const { module, options } = moduleIn(work, {
    'state/conf': 'newer',
    'state/own': 'own',
    'actions/restore-module/05replace': '#!/bin/sh\necho "05 $(cat state/conf)" >>calls\n',
    'actions/restore-module/10restore': '#!/bin/sh\necho no >>calls\n',
    'actions/restore-module/20label': '#!/bin/sh\necho "20 $(cat state/conf) $(cat)" >>calls\n',
    'actions/restore-module/README': 'not a step',
  });
  write('copy/module/state/conf', 'saved');
  write('copy/module/state/sub/dump', 'rows');
  write('copy/module_volumes/data/a', 'saved');
  write('copy/module_volumes/fresh/b', 'b');
  chmodSync(at('copy/module_volumes/data'), 0o711);
  write('volumes/samba1-data/a', 'newer');
  const before = readTree(work).filter(({ path, type }) => /^(?:samba1\/state|volumes)/.test(path) && type === 'file');
  const context = contextOf(options, { facts: { module: 'samba9' } });
  expect(await planOf(options, { module: 'samba9' })).toEqual([
    'note samba9 was saved; it is put back into samba1',
    'note it was saved with the image ghcr.io/example/samba:1, this instance has ghcr.io/example/samba',
    `load by ${module}/actions/restore-module/05replace`,
    `keep 1 files and directories, in ${at('kept/state.tar')}`,
    `replace ${module}/state (3 files and directories), from module/state`,
    `keep 2 files and directories, in ${at('kept/volume-data.tar')}`,
    'replace volume samba1-data (2 files and directories), from module_volumes/data',
    'create volume samba1-fresh (2 files and directories), from module_volumes/fresh',
    `load by ${module}/actions/restore-module/20label`,
    'note what these steps of the module do is not undone when the restore fails after them',
    expect.stringContaining('module/state/environment stays as it is here'),
  ]);
  expect(await applyRestore(stateDump, context)).toEqual([]);
  const checks = await stateDump.restore?.verify?.(context);
  expect(checks?.map(({ status, message }) => `${status} ${message}`)).toEqual([
    'ok 3 of 3 files and directories are there',
    'ok 2 of 2 files and directories are there',
    'ok 2 of 2 files and directories are there',
  ]);
  expect(textOf('samba1/state/environment')).toBe('IMAGE_URL=ghcr.io/example/samba\n');
  expect([textOf('samba1/state/conf'), textOf('samba1/state/sub/dump'), textOf('samba1/state/own')]).toEqual([
    'saved',
    'rows',
    'own',
  ]);
  expect([textOf('volumes/samba1-data/a'), textOf('volumes/samba1-fresh/b')]).toEqual(['saved', 'b']);
  const [first, second = ''] = (textOf('samba1/calls') ?? '').split('\n');
  expect(first).toBe('05 newer');
  expect(second).toMatch(/^20 saved \{/);
  expect(JSON.parse(second.slice('20 saved '.length))).toMatchObject({
    environment: { IMAGE_URL: 'ghcr.io/example/samba:1', MODULE_ID: 'samba9' },
    replace: false,
  });
  expect(statSync(at('volumes/samba1-data')).mode & 0o7777).toBe(0o711);
  await stateDump.restore?.revert(context);
  await stateDump.restore?.revert(context);
  const after = readTree(work).filter(({ path, type }) => /^(?:samba1\/state|volumes)/.test(path) && type === 'file');
  expect(after).toEqual(before);
  expect(existsSync(at('volumes/samba1-fresh'))).toBe(false);
  expect(await stateDump.restore?.verify?.(context)).toMatchObject([{}, {}, { status: 'failed' }]);
});

/** A module that belongs to `nobody`, with what else is given to that account. */
function rootless(files: Readonly<Record<string, string>> = {}) {
  const made = moduleIn(work, files, 'dokuwiki1/.config');
  for (const { path } of readTree(at('dokuwiki1'))) chownSync(at('dokuwiki1', path), NOBODY, NOBODY);
  chownSync(at('dokuwiki1'), NOBODY, NOBODY);
  chownSync(at('volumes'), NOBODY, NOBODY);
  return made;
}

it('a rootless module is written by its owner alone: nothing through a link that it has put in the way', async () => {
  const { module, options } = rootless();
  write('closed/secret', 'of root', 0o600);
  write('copy/module/state/conf', 'saved');
  write('copy/module/state/link/secret', 'evil');
  chownSync(at('copy/module/state/conf'), NOBODY, NOBODY);
  symlinkSync(at('closed'), join(module, 'state/link'));
  await expect(planOf(options)).rejects.toThrow(/link of module\/state is a directory on one side only/);
  // Put there after the plan has looked: the owner wins the race, and gains nothing.
  rmSync(join(module, 'state/link'));
  const real = createRun({ scrub: (text) => text });
  const exec: Run = (program, args, given) => {
    if (args.includes('--extract')) symlinkSync(at('closed'), join(module, 'state/link'));
    return real(program, args, given);
  };
  const context = contextOf(options, { exec });
  await applyRestore(stateDump, context).catch(() => undefined);
  expect(textOf('closed/secret')).toBe('of root');
  expect(statSync(join(module, 'state/conf')).uid).toBe(NOBODY);
  expect(calls().every((line) => line.startsWith(`${NOBODY} `))).toBe(true);
  expect(calls()).toContainEqual(expect.stringMatching(/unshare tar --extract/));
});

it('owners that the module does not have become its own, with a warning', async () => {
  const { module, options } = rootless();
  write('copy/module/state/conf', 'saved');
  write('copy/module_volumes/data/a', 'a');
  chownSync(at('copy/module_volumes/data/a'), NOBODY, NOBODY);
  expect(await applyRestore(stateDump, contextOf(options))).toEqual([
    expect.stringMatching(/^1 entries of module\/state belonged to users that dokuwiki1 does not have/),
    expect.stringMatching(/^1 entries of module_volumes\/data belonged/),
  ]);
  expect([statSync(join(module, 'state/conf')).uid, statSync(at('volumes/data/a')).uid]).toEqual([NOBODY, NOBODY]);
  expect(calls()).toContain(`${NOBODY} volume create -- data`);
});

it('may be killed between any two commands: `revert` finds everything in what was on disk', async () => {
  const { module, options } = moduleIn(work, { 'state/conf': 'newer' });
  write('copy/module/state/conf', 'saved');
  write('copy/module/state/more', 'more');
  write('copy/module_volumes/data/a', 'saved');
  const state = () => [readTree(join(module, 'state')).filter(({ type }) => type === 'file'), readTree(at('volumes'))];
  const before = state();
  for (let commands = 1; ; commands += 1) {
    rmSync(at('kept'), { recursive: true });
    mkdirSync(at('kept'));
    const { exec, killed: isKilled } = killedAfter(commands);
    const killed = contextOf(options, { exec });
    await applyRestore(stateDump, killed).catch(() => undefined);
    const memo = JSON.parse(JSON.stringify(killed.remembered() ?? null)) ?? undefined;
    await stateDump.restore?.revert(contextOf(options, { memo }));
    expect(state(), `after ${commands} commands`).toEqual(before);
    if (!isKilled()) break;
  }
});

it('a volume that cannot be removed again does not keep the state from being put back; nothing is removed behind a link', async () => {
  const { module, options } = moduleIn(work, { 'state/conf': 'newer' });
  write('copy/module/state/conf', 'saved');
  write('copy/module/state/sub/passwd', 'saved');
  write('copy/module_volumes/fresh/a', 'a');
  const context = contextOf(options);
  await applyRestore(stateDump, context);
  // What a container at work can do to its volume.
  write('closed/passwd', 'of root');
  rmSync(join(module, 'state/sub'), { recursive: true });
  symlinkSync(at('closed'), join(module, 'state/sub'));
  const exec = refusing((_, args) =>
    args.includes('rm') ? new BackupError('failed', 'volume is being used') : undefined,
  );
  const busy = contextOf(options, { exec, memo: context.remembered() ?? {} });
  await expect(stateDump.restore?.revert(busy)).rejects.toThrow(/module_volumes\/fresh: volume is being used/);
  expect([textOf('samba1/state/conf'), textOf('closed/passwd')]).toEqual(['newer', 'of root']);
  await stateDump.restore?.revert(context);
  expect(existsSync(at('volumes/samba1-fresh'))).toBe(false);
});

it('what runs is told by the plan, and keeps the restore from being done', async () => {
  const { options } = moduleIn(work);
  write('copy/module_volumes/data/a', 'a');
  write('running', 'samba-dc\n');
  expect(await planOf(options)).toContainEqual(
    expect.stringMatching(/^note of samba1 there run samba-dc: stop the units/),
  );
  await expect(applyRestore(stateDump, contextOf(options))).rejects.toThrow(/there run samba-dc/);
  expect(calls().some((line) => line.includes('create'))).toBe(false);
});

it('an instance that is not there is to be made first, with the image that was saved', async () => {
  const options = { module_dir: at('samba1') };
  await expect(planOf(options)).rejects.toThrow(
    /is no directory.*\nCreate an instance of ghcr.io\/example\/samba:1 first/,
  );
});

it('a step that fails ends it; steps that others could change are refused, and are left out where they are not wanted', async () => {
  const { module, options } = moduleIn(work, {
    'actions/restore-module/06copyenv': '#!/bin/sh\necho "no agent" >&2; exit 2\n',
    'state/conf': 'newer',
  });
  write('copy/module/state/conf', 'saved');
  await expect(applyRestore(stateDump, contextOf(options))).rejects.toThrow(/no agent/);
  expect(textOf('samba1/state/conf')).toBe('newer');
  chmodSync(join(module, 'actions/restore-module/06copyenv'), 0o777);
  await expect(planOf(options)).rejects.toThrow(/would run as root/);
  await applyRestore(stateDump, contextOf({ ...options, restore_steps: false }));
  expect(textOf('samba1/state/conf')).toBe('saved');
});

it('a hostile copy leads nowhere else', async () => {
  const { options } = moduleIn(work);
  mkdirSync(at('copy/module_volumes'));
  symlinkSync('/etc', at('copy/module_volumes/data'));
  await expect(planOf(options)).rejects.toThrow(/module_volumes\/data in the copy is no directory/);
  rmSync(at('copy/module_volumes/data'));
  mkdirSync(at('copy/module_volumes/--all'));
  await expect(planOf(options)).rejects.toThrow(/no name of a volume/);
  rmSync(at('copy/module_volumes'), { recursive: true });
  rmSync(at('copy/module/state/environment'));
  symlinkSync('/etc/shadow', at('copy/module/state/environment'));
  await expect(planOf(options)).rejects.toThrow(/no regular file, or behind a link/);
});
