// SPDX-License-Identifier: AGPL-3.0-or-later

import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Memo } from '../../packages/client/src/plugin.ts';
import { files } from '../../packages/client/src/plugins/files/index.ts';
import type { Run } from '../../packages/common/src/exec.ts';
import { readAttributes } from '../helpers/file-attributes.ts';
import { readTree } from '../helpers/file-tree.ts';
import { copyContext, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { copySaved } from '../helpers/saved-copy.ts';
import { killedAfter, refusing } from '../helpers/snapshot-lab.ts';

let root: string;
/** What is saved. */
let host: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'files-restore-')));
  host = join(root, 'host');
  for (const name of ['host', 'stage', 'copy', 'scratch', 'kept']) mkdirSync(join(root, name), { mode: 0o700 });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Runs a script on the host. */
const shell = (script: string) => execFileSync('bash', ['--norc', '-euc', script], { cwd: host });

/** All that is known of what is on the host. */
const state = () => ({ tree: readTree(host), attributes: readAttributes(host) });

/** Saves as the core does. */
async function save(options: object): Promise<void> {
  const stage = join(root, 'stage');
  const { trees = [] } = await files.run(pluginContext(files, { options, stage }));
  copySaved(trees, stage, join(root, 'copy'));
}

const directories = () => ({ copy: join(root, 'copy'), scratch: join(root, 'scratch'), kept: join(root, 'kept') });

function contextOf(options: object, given: { memo?: Memo; exec?: Run; as?: string; signal?: AbortSignal } = {}) {
  return restoreContext(files, { options, ...directories(), ...given });
}

const planOf = async (options: object) => files.restore?.plan(contextOf(options));

it('puts back everything that is known of a file, leaves what is new, and can take it all back', async () => {
  shell(`
    mkdir -p app/sub; echo one > app/one; ln app/one app/sub/two; ln -s ../one app/sub/link; ln -s /nowhere app/dangling
    truncate -s 50M app/sparse; echo end >> app/sparse; chown 1234:5678 app/one; chmod 4711 app/sparse; chmod 500 app/sub
    setfacl -m u:1234:rw app/one; setfacl -d -m g:5678:rx app/sub; setfattr -n user.note -v hello app/sub
    touch -d '2001-02-03 04:05:06.123456789' app/one app/sub app; mkfifo app/fifo
    touch $'app/-n\\xff\\n' 'app/*' "app/ '\\"" ; echo dir > app/was-dir; mkdir app/was-file; echo x > app/was-file/x
  `);
  const options = { paths: [join(host, 'app')] };
  const before = state();
  await save(options);
  shell(`
    chmod 700 app/sub; rm app/one app/sub/two app/'*'; echo changed > app/sparse; setfattr -n user.note -v other app/sub
    rm app/was-dir; mkdir -p app/was-dir/deep; echo mine > app/was-dir/deep/file; chown 7:7 app/was-dir/deep/file
    rm -r app/was-file; ln -s nowhere app/was-file.new; echo f > app/was-file; ln -sfn elsewhere app/dangling
    echo new > app/sub/new; touch -d 2020-01-01 app app/sub
  `);
  const lost = state();
  const plan = (await planOf(options)) ?? [];
  expect(state()).toEqual(lost);
  expect(plan.map(({ action }) => action)).toEqual(['keep', 'replace', 'replace', 'replace', 'create', 'note']);
  expect(plan.at(-1)?.what).toBe(`1 entries of ${host}/app are not in the copy: they stay`);

  const context = contextOf(options);
  expect(await files.restore?.apply(context)).toEqual([]);
  expect(readFileSync(join(host, 'app/sub/new'), 'utf8')).toBe('new\n');
  const mtime = statSync(join(host, 'app/sub'));
  shell('rm app/sub/new app/was-file.new');
  execFileSync('touch', ['-d', `@${mtime.mtimeMs / 1000}`, join(host, 'app')]);
  const after = state();
  expect(after.attributes).toBe(before.attributes);
  const without = (trees: ReturnType<typeof readTree>) =>
    trees.filter(({ type, path }) => path !== 'app/sub' && path !== 'app' && type !== undefined);
  expect(without(after.tree)).toEqual(without(before.tree));
  expect(statSync(join(host, 'app/sparse')).blocks).toBeLessThan(1000);

  shell('echo new > app/sub/new; ln -s nowhere app/was-file.new; touch -d 2020-01-01 app/sub');
  const memo = JSON.parse(JSON.stringify(context.remembered()));
  await files.restore?.revert(contextOf(options, { memo }));
  const times = ({ path, mtimeNs, ...rest }: (typeof lost.tree)[number]) =>
    ['app/sub/new', 'app/was-file.new'].includes(path) ? { path, ...rest } : { path, mtimeNs, ...rest };
  expect(state().tree.map(times)).toEqual(lost.tree.map(times));
  expect(state().attributes).toBe(lost.attributes);
});

it('restores onto an empty host, with the directories above', async () => {
  shell(
    'mkdir -p a/b/c; echo x > a/b/c/file; chmod 751 a; chown 1234 a/b; touch -d 2001-01-01 a a/b a/b/c; echo y > other',
  );
  const options = { paths: [join(host, 'a/b/c'), join(host, 'other'), join(host, 'gone')] };
  const before = state();
  await save(options);
  shell('rm -r a other');
  expect(await planOf(options)).toContainEqual({
    action: 'note',
    what: `${host}/gone did not exist when the others were saved: it is left alone`,
  });
  await files.restore?.apply(contextOf(options));
  expect(state()).toEqual(before);
});

it('may be killed between any two commands: `revert` finds everything in what was on disk', async () => {
  shell('mkdir app; echo one > app/one; echo file > app/file; mkdir app/dir; echo x > app/dir/x');
  const options = { paths: [join(host, 'app')] };
  await save(options);
  shell('echo changed > app/one; rm app/file; mkdir app/file; echo y > app/file/y; rm -r app/dir');
  const lost = state();
  for (let calls = 0; ; calls += 1) {
    const { exec, killed } = killedAfter(calls);
    const context = contextOf(options, { exec });
    await files.restore?.apply(context).catch(() => undefined);
    const memo = JSON.parse(JSON.stringify(context.remembered() ?? null)) ?? undefined;
    const later = contextOf(options, { memo });
    await files.restore?.revert(later);
    await files.restore?.revert(later);
    expect(state(), `after ${calls} commands`).toEqual(lost);
    for (const name of readdirSync(join(root, 'kept'))) rmSync(join(root, 'kept', name));
    if (!killed()) return expect(calls).toBeGreaterThan(4);
  }
});

it('does not wait for the other side of the pipe where one has not even begun', async () => {
  shell('mkdir app; echo one > app/one');
  const options = { paths: [join(host, 'app')] };
  await save(options);
  const isWriter = (args: readonly string[]) =>
    args.includes('--create') && args.some((word) => word.endsWith('/pipe'));
  const exec = refusing((_, args) => (isWriter(args) ? new Error('no reader') : undefined));
  await expect(files.restore?.apply(contextOf(options, { exec }))).rejects.toThrow('no reader');
  expect(readdirSync(join(root, 'scratch'))).toEqual([]);
});

it('refuses what would be written somewhere else than it was, and changes nothing', async () => {
  shell('mkdir -p a/b/c a/d; echo x > a/b/c/file');
  const options = { paths: [join(host, 'a/b'), join(host, 'a/d')] };
  await save(options);
  shell('mv a/b/c elsewhere; ln -s ../../elsewhere a/b/c; rmdir a/d');
  const lost = state();
  await expect(planOf(options)).rejects.toThrow(
    `${host}/a/b/c is a symbolic link, but was a directory when it was saved.`,
  );
  shell('mv a z; ln -s z a');
  await expect(planOf(options)).rejects.toThrow(`${host}/a is a symbolic link, but was a directory when it was saved.`);
  await expect(files.restore?.apply(contextOf(options))).rejects.toThrow('is a symbolic link');
  shell('rm a; mv z a');
  expect(state().tree.map(({ path }) => path)).toEqual(lost.tree.map(({ path }) => path));
});

it('refuses another name, a whole system, and a copy that is not whole', async () => {
  shell('echo x > file');
  const options = { paths: [join(host, 'file')] };
  await save(options);
  await expect(files.restore?.plan(contextOf(options, { as: 'other' }))).rejects.toThrow('use --to DIR');
  rmSync(join(root, 'copy/data'), { recursive: true });
  symlinkSync('/', join(root, 'copy/data'));
  await expect(planOf(options)).rejects.toThrow('data in the copy is no directory');
  writeFileSync(join(root, 'copy/files/saved.json'), JSON.stringify({ paths: { [join(host, 'file')]: '/etc/../x' } }));
  await expect(planOf(options)).rejects.toThrow('does not hold what this plugin writes');
  rmSync(join(root, 'copy/files'), { recursive: true });
  await expect(planOf({ paths: ['/'] })).rejects.toThrow();
});

it('ends when it is told to, and can be taken back', async () => {
  shell('mkdir app; echo one > app/one');
  const options = { paths: [join(host, 'app')] };
  await save(options);
  shell('echo lost > app/one');
  const lost = state();
  const { signal, abort } = abortable();
  const exec = refusing((_, args) => (args.includes('--extract') ? abort() : undefined));
  const context = contextOf(options, { exec, signal });
  await expect(files.restore?.apply(context)).rejects.toThrow('told to end');
  await files.restore?.revert(contextOf(options, { memo: { ...context.remembered() } }));
  expect(state()).toEqual(lost);
});

function abortable() {
  const controller = new AbortController();
  const abort = (): undefined => {
    controller.abort(new Error('told to end'));
  };
  return { signal: controller.signal, abort };
}

it('a full disk: found by the plan where it is for what is kept, taken back where it is the host', async () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'none', host]);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', join(root, 'kept')]);
  try {
    shell('mkdir app; head -c 400000 /dev/urandom > app/one');
    const options = { paths: [join(host, 'app')] };
    await save(options);
    await expect(planOf(options)).rejects.toThrow(
      /would be kept of what is replaced, but .*kept has 64(?:\.0)? KiB free/,
    );
    shell('echo small > app/one; head -c 400000 /dev/urandom > app/filler');
    const lost = state();
    const context = contextOf(options);
    await expect(files.restore?.apply(context)).rejects.toThrow(/No space left on device|Wrote only/);
    await files.restore?.revert(contextOf(options, { memo: { ...context.remembered() } }));
    expect(state()).toEqual(lost);
  } finally {
    execFileSync('umount', [host, join(root, 'kept')]);
  }
});

it('a copy of an old version has no record: its paths are those of the configuration', async () => {
  shell('mkdir app; echo one > app/one');
  const options = { paths: [join(host, 'app')] };
  await save(options);
  rmSync(join(root, 'copy/files'), { recursive: true });
  shell('rm app/one');
  expect(await files.verify?.(copyContext(files, { options, ...directories() }))).toEqual([
    { name: join(host, 'app'), status: 'ok', message: 'is there' },
  ]);
  await files.restore?.apply(contextOf(options));
  expect(readFileSync(join(host, 'app/one'), 'utf8')).toBe('one\n');
});
