// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { module } from '../../packages/client/src/plugins/module/index.ts';
import { DUMP, modulesIn } from '../helpers/modules.ts';
import { applyRestore, pluginContext, restoreContext } from '../helpers/plugin-context.ts';

let work: string;
const at = (...names: string[]) => join(work, ...names);
const textOf = (...names: string[]) => (existsSync(at(...names)) ? readFileSync(at(...names), 'utf8') : undefined);

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'module-'));
  for (const name of ['copy', 'scratch', 'kept', 'etc/containers']) mkdirSync(at(name), { recursive: true });
});

afterEach(() => rmSync(work, { recursive: true, force: true }));

it('directories above that two modules need are made, and go in a revert', async () => {
  for (const name of ['a', 'b']) write(`etc/containers/${name}/unit`, name);
  const options = modulesIn(work, { a: '', b: '' });
  await save(options);
  rmSync(at('etc'), { recursive: true });
  const context = contextOf(options);
  await applyRestore(module, context);
  expect([textOf('etc/containers/a/unit'), textOf('etc/containers/b/unit')]).toEqual(['a', 'b']);
  await module.restore?.revert(context);
  expect(existsSync(at('etc'))).toBe(false);
});

/** A file below `work`. */
function write(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
}

const save = (options: unknown) => module.run(pluginContext(module, { options, stage: at('copy') }));
const contextOf = (options: unknown) =>
  restoreContext(module, { options, copy: at('copy'), scratch: at('scratch'), kept: at('kept') });
const planOf = async (options: unknown) =>
  (await module.restore?.plan(contextOf(options)))?.map(({ what }) => what) ?? [];

it('each file goes back to the one of two directories that it came from; one that is in both is told when it is saved', async () => {
  write('etc/web/conf.d/site', 'site');
  write('etc/web/same', 'same');
  write('etc/web/both', 'kept');
  write('etc/containers/web/conf.d/unit', 'unit');
  write('etc/containers/web/same', 'same');
  write('etc/containers/web/both', 'lost');
  const options = modulesIn(work, { web: '' });
  const { warnings } = await save(options);
  expect(warnings).toEqual([
    `web: both of ${at('etc/containers/web')} is not saved: that of ${at('etc/web')} has the same name.`,
  ]);
  for (const name of ['etc/web', 'etc/containers/web']) rmSync(at(name), { recursive: true });
  await applyRestore(module, contextOf(options));
  expect(await module.restore?.verify?.(contextOf(options))).toMatchObject([{ status: 'ok' }, { status: 'ok' }]);
  expect([textOf('etc/web/conf.d/site'), textOf('etc/containers/web/conf.d/unit')]).toEqual(['site', 'unit']);
  expect([textOf('etc/containers/web/conf.d/site'), textOf('etc/web/conf.d/unit')]).toEqual([undefined, undefined]);
});

it('a module that defines it loads its data, from a directory of its own', async () => {
  const restoring = `restore_dump() { cat "$1/data/dump.sql" >'${work}/loaded'; rm "$1/data/dump.sql"; }`;
  const options = modulesIn(work, { dump: `${DUMP}\n${restoring}`, other: 'backup_other() { echo x >"$1/data/f"; }' });
  await save(options);
  const plan = await planOf(options);
  expect(plan).toContain(`by restore_dump of ${at('modules/dump.sh')}, from a copy of modules/dump`);
  expect(plan).toContain(
    `what is in modules/other/data has to be put back by hand: ${at('modules/other.sh')} defines no restore_other`,
  );
  expect(textOf('loaded')).toBeUndefined();
  expect(await applyRestore(module, contextOf(options))).toEqual([]);
  expect(textOf('loaded')).toMatch(/^rows of/);
  expect(textOf('copy/modules/dump/data/dump.sql')).toMatch(/^rows of/);
});

it.each([
  ['fails', 'echo "no server" >&2; return 4', /no server/],
  ['reports a failure', 'update_component_status dump failed database "{}"', /reports failed for dump/],
])('one that %s ends the restore, and what was put back is taken back', async (_what, body, message) => {
  write('etc/dump/conf', 'saved');
  const options = modulesIn(work, { dump: `${DUMP}\nrestore_dump() { ${body}; }` });
  await save(options);
  write('etc/dump/conf', 'newer');
  const context = contextOf(options);
  await expect(applyRestore(module, context)).rejects.toThrow(message);
  expect(textOf('etc/dump/conf')).toBe('saved');
  await module.restore?.revert(context);
  expect(textOf('etc/dump/conf')).toBe('newer');
});

it('a hostile copy puts nothing where no configuration of a module is, and no module is read for the plan', async () => {
  write('etc/web/conf', 'saved');
  const options = modulesIn(work, { web: `touch '${work}/was-read'` });
  await save(options);
  rmSync(at('was-read'));
  write('copy/modules/config_origin.json', JSON.stringify({ modules: { web: [{ root: '/root' }] } }));
  expect(await planOf(options)).toEqual(['/root is not put back: `config_roots` does not name where it is']);
  write('copy/modules/config_origin.json', JSON.stringify({ modules: { web: [{ root: at('etc/web') }] } }));
  rmSync(at('copy/modules/web/config'), { recursive: true });
  symlinkSync('/root', at('copy/modules/web/config'));
  await expect(planOf(options)).rejects.toThrow(/web\/config in the copy is no directory/);
  expect(textOf('was-read')).toBeUndefined();
});

it('a module that others could change is refused; one of an old archive, or not on this host, is told', async () => {
  const options = modulesIn(work, { dump: `${DUMP}\nfunction restore_dump { true; }` });
  await save(options);
  chmodSync(at('modules/dump.sh'), 0o777);
  await expect(planOf(options)).rejects.toThrow(/would run as root/);
  rmSync(at('modules/dump.sh'));
  rmSync(at('copy/modules/config_origin.json'));
  expect(await planOf(options)).toEqual([
    expect.stringContaining('was not written down when it was saved'),
    expect.stringContaining(`there is no ${at('modules/dump.sh')} on this host`),
  ]);
});

const HOOKS = `
pre_backup_m() { echo "pre $1" >>"$BACKUP_PATH/../calls"; }
post_backup_m() { echo "post" >>"$BACKUP_PATH/../calls"; }`;

it.each([
  ['succeeds', 'echo x >"$1/data/f"', undefined],
  ['fails', 'return 3', /exit code 3/],
  ['ends its shell', 'exit 3', /exit code 3/],
  ['takes too long', 'sleep 60', /did not finish within 1 s/],
])('pre_backup_ and post_backup_ are called around a function that %s', async (_what, body, message) => {
  const options = { ...modulesIn(work, { m: `${HOOKS}\nbackup_m() { ${body}; }` }), timeout: '1s' };
  const { failures = [] } = await save(options);
  if (message === undefined) expect(failures).toEqual([]);
  else expect(failures.join()).toMatch(message);
  expect(textOf('copy/calls')).toBe(`pre ${at('copy/modules/m')}\npost\n`);
});

it('where pre_backup_ fails nothing is saved, and where post_backup_ fails it is told', async () => {
  const pre = modulesIn(work, { m: 'pre_backup_m() { return 5; }; backup_m() { touch "$1/data/f"; }' });
  expect((await save(pre)).failures).toEqual([expect.stringMatching(/exit code 5/)]);
  rmSync(at('copy/modules'), { recursive: true });
  const post = modulesIn(work, { m: 'post_backup_m() { return 6; }; backup_m() { echo x >"$1/data/f"; }' });
  expect((await save(post)).failures).toEqual([expect.stringMatching(/exit code 1/)]);
});
