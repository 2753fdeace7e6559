// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { module } from '../../packages/client/src/plugins/module/index.ts';
import { readTree } from '../helpers/file-tree.ts';
import { DUMP, modulesIn } from '../helpers/modules.ts';
import { copyContext, pluginContext } from '../helpers/plugin-context.ts';
import { pluginContract } from './plugin.ts';

pluginContract(module, (directory) => {
  const etc = join(directory, 'etc');
  for (const name of ['containers/dump', 'dump/conf.d']) mkdirSync(join(etc, name), { recursive: true });
  writeFileSync(join(etc, 'dump/conf.d/a.cnf'), 'a', { mode: 0o640 });
  writeFileSync(join(etc, 'containers/dump/b.container'), 'b');
  const restoring = `${DUMP}\nrestore_dump() { cp "$1/data/dump.sql" '${directory}/loaded'; }`;
  return {
    options: modulesIn(directory, { dump: restoring }),
    // Two directories are saved as one: their own times are not known.
    stateOfHost: () => readTree(etc).map((entry) => (entry.type === 'file' ? entry : { ...entry, mtimeNs: 0n })),
    destroy: () => {
      rmSync(join(etc, 'dump'), { recursive: true });
      writeFileSync(join(etc, 'containers/dump/b.container'), 'changed');
    },
    damage: (copy) => rmSync(join(copy, 'modules/dump'), { recursive: true }),
  };
});

let work: string;
const at = (...names: string[]) => join(work, ...names);
const saved = (...names: string[]) => readFileSync(at('stage/modules', ...names), 'utf8');
const run = (options: unknown) => module.run(pluginContext(module, { options, stage: at('stage') }));
const status = () => JSON.parse(saved('host_status.json'));

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'module-'));
  for (const name of ['stage', 'etc/containers']) mkdirSync(at(name), { recursive: true });
});

afterEach(() => rmSync(work, { recursive: true, force: true }));

it('a module runs unchanged: its variables, its helpers, its directory', async () => {
  const { failures } = await run(modulesIn(work, { dump: DUMP }));
  expect(failures).toEqual([]);
  expect(saved('dump/data/dump.sql')).toMatch(new RegExp(`^rows of ${hostname()} at \\d{8}_\\d{6}\n$`));
  expect(status()).toMatchObject({
    status: 'success',
    components: { dump: { status: 'success', type: 'database', validation: { checks: { compression: false } } } },
    metrics: { components_succeeded: 1, components_failed: 0 },
  });
});

it('one that fails does not keep the others from their turn, and is a failure with its own words', async () => {
  const bad = 'backup_a_bad() { echo "no route to database" >&2; return 7; }';
  const { failures = [] } = await run(modulesIn(work, { a_bad: bad, dump: DUMP }));
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatch(/a_bad.*exit code 7.*no route to database/s);
  expect(saved('dump/data/dump.sql')).toContain('rows');
  expect(status()).toMatchObject({
    status: 'partial_failure',
    metrics: { components_succeeded: 1, components_failed: 1 },
  });
});

it.each([
  ['partial_failure', 'update_component_status m partial_failure database "{}"', /m: it reports partial_failure/],
  ['a word that nobody knows', 'update_component_status m splendid database "{}"', /it reports failed/],
  ['a validation that is no JSON', 'update_component_status m success database "{size:"', /it reports failed/],
  [
    'a file that is not there',
    `update_component_status m success x '{"files":[{"path":"data/none"}]}'`,
    /data\/none, which is not there/,
  ],
  [
    'a file elsewhere',
    `update_component_status m success x '{"files":[{"path":"../../etc/passwd"}]}'`,
    /outside its directory/,
  ],
  [
    'another content',
    `echo a >"$1/data/f"; update_component_status m success x '{"files":[{"path":"data/f","md5":"${createHash('md5').digest('hex')}"}]}'`,
    /its md5 differs/,
  ],
  ['nothing, and leaves nothing', 'true', /m: it reports failed/],
])('what a module reports is not believed: %s', async (_what, body, message) => {
  const { failures = [] } = await run(modulesIn(work, { m: `backup_m() { ${body}; }` }));
  expect(failures.join('\n')).toMatch(message);
});

it('the old name of the helper works, and a message may hold anything', async () => {
  const body = String.raw`echo x >"$1/data/f"; update_container_status m application-is-up "" '{"size":3}'; update_container_status m success application '{"size":3,"note":"a\n\"b\" ü"}'`;
  const { failures } = await run(modulesIn(work, { m: `backup_m() { ${body}; }` }));
  expect(failures).toEqual([]);
  expect(status().components.m.validation).toMatchObject({ size: 3 });
});

it('a file without a function saves the configuration of both places; without any it has failed', async () => {
  mkdirSync(at('etc/nginx'));
  writeFileSync(at('etc/nginx/nginx.conf'), 'server {}');
  mkdirSync(at('etc/containers/nginx'));
  writeFileSync(at('etc/containers/nginx/unit'), 'x');
  const { failures = [] } = await run(modulesIn(work, { nginx: '', foo: 'backup_bar() { true; }' }));
  expect(saved('nginx/config/nginx.conf')).toBe('server {}');
  expect(saved('nginx/config/unit')).toBe('x');
  expect(status().components.nginx).toMatchObject({ status: 'success', type: 'config-only', validation: { size: 10 } });
  expect(failures).toEqual([expect.stringContaining('No configuration found for foo and no backup function')]);
});

it('the configuration is copied as it is: links as links, owners kept, a pipe stays a pipe', async () => {
  mkdirSync(at('etc/nginx'));
  writeFileSync(at('secret'), 'of somebody else');
  symlinkSync(at('secret'), at('etc/nginx/link'));
  execFileSync('mkfifo', [at('etc/nginx/a-pipe')]);
  writeFileSync(at('etc/nginx/nginx.conf'), 'server {}');
  chownSync(at('etc/nginx/nginx.conf'), 65_534, 65_534);
  symlinkSync('../nginx', at('etc/containers/nginx'));
  const { failures, warnings } = await run(modulesIn(work, { nginx: '' }));
  expect([failures, warnings]).toEqual([[], []]);
  expect(statSync(at('stage/modules/nginx/config/nginx.conf')).uid).toBe(65_534);
  expect(readlinkSync(at('stage/modules/nginx/config/link'))).toBe(at('secret'));
});

it('a file that bash cannot read is a failure, not a module that saves its configuration alone', async () => {
  mkdirSync(at('etc/nginx'));
  writeFileSync(at('etc/nginx/nginx.conf'), 'server {}');
  const { failures } = await run(modulesIn(work, { nginx: 'backup_nginx() { echo "never ends; }' }));
  expect(failures).toEqual([expect.stringMatching(/nginx: bash failed.*unexpected EOF/s)]);
});

it('a success that has left nothing is a failure', async () => {
  const body = 'update_component_status m success database "{}"';
  const { failures } = await run(modulesIn(work, { m: `backup_m() { ${body}; }` }));
  expect(failures).toEqual(['m: it reports success, but has left nothing.']);
});

it('what a module calls its parts is found in its directory when the copy is looked at', async () => {
  const report = (part: string) => {
    const md5 = createHash('md5').update('x\n').digest('hex');
    return `update_component_status ${part} success database '{"files":[{"path":"data/${part}","md5":"${md5}"}]}'`;
  };
  const body = `echo x >"$1/data/main"; cp "$1/data/main" "$1/data/test"; ${report('main')}; ${report('test')}`;
  const options = modulesIn(work, { m: `backup_m() { ${body}; }` });
  expect((await run(options)).failures).toEqual([]);
  const verify = (level: 'quick' | 'full') =>
    module.verify?.(copyContext(module, { options, copy: at('stage'), scratch: at('scratch'), level }));
  expect(await verify('full')).toEqual(
    ['main', 'test', 'm'].map((name) => ({ name, status: 'ok', message: expect.stringContaining('success') })),
  );
  writeFileSync(at('stage/modules/m/data/test'), 'y\n');
  expect(await verify('quick')).toMatchObject([{ status: 'ok' }, { status: 'ok' }, { status: 'ok' }]);
  expect(await verify('full')).toMatchObject([{ status: 'ok' }, { status: 'failed', name: 'test' }, { status: 'ok' }]);
  rmSync(at('stage/modules/m/data/test'));
  symlinkSync('/etc/hostname', at('stage/modules/m/data/test'));
  expect(await verify('quick')).toMatchObject([{ status: 'ok' }, { status: 'failed' }, { status: 'ok' }]);
  rmSync(at('stage/modules/host_status.json'));
  symlinkSync('/dev/zero', at('stage/modules/host_status.json'));
  expect(await verify('quick')).toMatchObject([{ status: 'failed', name: 'modules/host_status.json' }]);
});

it('a module that is left out though it may be missed is a warning of every run', async () => {
  const options = modulesIn(work, { dump: DUMP, 'odd name': '', closed: '' });
  chmodSync(join(options.directory, 'closed.sh'), 0o644);
  writeFileSync(at('enabled'), 'dump\nclosed\nmariabd\n');
  expect((await run(options)).warnings).toEqual([
    expect.stringContaining('odd name.sh is left out'),
    expect.stringContaining('names mariabd, which is no module'),
    expect.stringContaining('closed.sh is not executable'),
  ]);
});

it('only those that are named run: by the list of the host, or by the task', async () => {
  const options = modulesIn(work, { dump: DUMP, other: 'backup_other() { exit 1; }' });
  writeFileSync(at('enabled'), '# what runs here\ndump\n\n');
  const context = pluginContext(module, { options, stage: at('stage') });
  expect(await module.validate?.(context)).toEqual(['Skipping disabled module: other']);
  expect((await run(options)).facts).toEqual({ modules: 'dump' });
  const only = pluginContext(module, { options: { ...options, only: ['nope'] }, stage: at('stage') });
  await expect(module.validate?.(only)).rejects.toThrow(/no module nope.*There are: dump, other/s);
});

it('an empty list is as good as none, as in the original', async () => {
  const options = modulesIn(work, { dump: DUMP });
  writeFileSync(at('enabled'), '\n');
  expect((await run(options)).facts).toEqual({ modules: 'dump' });
});

it('what others could change, or Windows has written, is refused before the run; what is not executable is left out', async () => {
  const options = modulesIn(work, { dump: DUMP });
  const validate = () => module.validate?.(pluginContext(module, { options, stage: at('stage') }));
  chmodSync(join(options.directory, 'dump.sh'), 0o777);
  await expect(validate()).rejects.toThrow(/would run as root/);
  writeFileSync(join(options.directory, 'dump.sh'), DUMP.replaceAll('\n', '\r\n'));
  chmodSync(join(options.directory, 'dump.sh'), 0o755);
  await expect(validate()).rejects.toThrow(/line ends of Windows/);
  chmodSync(join(options.directory, 'dump.sh'), 0o644);
  await expect(validate()).rejects.toThrow(/No backup modules to run.*not executable/s);
});
