// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { univention } from '../../packages/client/src/plugins/univention/index.ts';
import { readTree } from '../helpers/file-tree.ts';
import { applyRestore, copyContext, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { copyTrees } from '../helpers/saved-copy.ts';
import { pluginContract } from './plugin.ts';

/** An executable that stands for `univention-backup`: it notes its arguments and leaves an archive. */
function standIn(directory: string, script = 'tar -czf "$out/system_$$.tar.gz" -C /etc hostname'): string {
  const program = join(directory, 'univention-backup');
  const out = join(directory, 'out');
  mkdirSync(out, { recursive: true });
  writeFileSync(program, `#!/bin/sh\nout='${out}'\necho "$*" >>'${directory}/calls'\n${script}\n`);
  chmodSync(program, 0o755);
  return program;
}

const taskIn = (directory: string, script?: string) => ({
  tools: { univention_backup_cmd: standIn(directory, script) },
  options: {
    backup_directory: join(directory, 'out'),
    univention_backup_options: '--all  --quiet',
    custom_paths: [directory],
  },
});

pluginContract(univention, (directory) => {
  const task = taskIn(directory);
  const custom = join(directory, 'etc/univention');
  mkdirSync(custom, { recursive: true });
  writeFileSync(join(custom, 'base.conf'), 'ldap/base: dc=example', { mode: 0o640 });
  const contents = () => (existsSync(custom) ? readTree(custom) : 'gone');
  return {
    ...task,
    options: { ...task.options, custom_paths: [custom, join(directory, 'none')] },
    // The archive is there only once it was saved.
    stateOfHost: contents,
    destroy: () => {
      rmSync(join(directory, 'out'), { recursive: true });
      rmSync(custom, { recursive: true });
    },
    damage: (copy) => {
      const dump = join(copy, 'univention_system_dump');
      for (const name of readdirSync(dump)) truncateSync(join(dump, name), 60);
    },
  };
});

let work: string;
const context = (script?: string) => pluginContext(univention, { ...taskIn(work, script), stage: join(work, 'stage') });
const writeOld = (name: string) => {
  writeFileSync(join(work, 'out', name), name);
  utimesSync(join(work, 'out', name), 1, 2_000_000_000);
};

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'univention-'));
  mkdirSync(join(work, 'out'));
});

afterEach(() => rmSync(work, { recursive: true, force: true }));

it('what this run made is saved, not the archive of another run, however new that looks', async () => {
  writeOld('from-the-future.tar.gz');
  const { trees = [], facts } = await univention.run(context());
  expect(trees[0]?.paths.map(String)).toEqual([expect.stringMatching(/^system_\d+\.tar\.gz$/)]);
  expect(facts).toEqual({ archive: trees[0]?.paths[0] });
  expect(trees[1]?.paths.map(String)).toEqual([work.slice(1)]);
  expect(readFileSync(join(work, 'calls'), 'utf8')).toBe('--all --quiet\n');
});

it('a program that makes nothing is a failure though it says success, and old archives do not hide it', async () => {
  writeOld('last-week.tar.gz');
  await expect(univention.run(context('exit 0'))).rejects.toThrow(/left no new \*\.tar\.gz/);
});

it('a program that fails is a failure with its own words', async () => {
  await expect(univention.run(context('echo "LDAP is down" >&2; exit 3'))).rejects.toThrow(/LDAP is down/);
});

it('a program that is missing is found before the run', async () => {
  const tools = { univention_backup_cmd: '/nonexistent/univention-backup' };
  const missing = pluginContext(univention, { options: {}, tools, stage: work });
  await expect(univention.validate?.(missing)).rejects.toThrow(/not found.*univention_backup_cmd/s);
});

it('a second archive of the same run is told, because it is not saved', async () => {
  const script =
    'tar -czf "$out/a.tar.gz" -C /etc hostname; cp "$out/a.tar.gz" "$out/b.tar.gz"; touch -d @1 "$out/a.tar.gz"';
  const { trees, warnings } = await univention.run(context(script));
  expect(trees?.[0]?.paths.map(String)).toEqual(['b.tar.gz']);
  expect(warnings).toEqual([expect.stringMatching(/out\/a\.tar\.gz is new as well, and not saved/)]);
});

it('what is no file in the copy is not opened: a link, a pipe that nobody writes to', async () => {
  const copy = join(work, 'copy');
  mkdirSync(join(copy, 'univention_system_dump'), { recursive: true });
  symlinkSync('/dev/zero', join(copy, 'univention_system_dump/a.tar.gz'));
  execFileSync('mkfifo', [join(copy, 'univention_system_dump/b.tar.gz')]);
  const checks = await univention.verify?.(copyContext(univention, { ...taskIn(work), copy, scratch: work }));
  expect(checks?.map(({ message }) => message)).toEqual([
    expect.stringContaining('no regular file'),
    expect.stringContaining('no regular file'),
  ]);
});

it('an archive with bzip2 is proven as well', async () => {
  execFileSync('tar', ['-cjf', join(work, 'probe.tar.bz2'), '-C', '/etc', 'hostname']);
  const { trees } = await univention.run(context(`cp ${join(work, 'probe.tar.bz2')} "$out/a.tar.bz2"`));
  expect(trees?.[0]?.paths.map(String)).toEqual(['a.tar.bz2']);
});

it('a restore puts the archive and the further files back, keeps what it replaces, and loads nothing', async () => {
  for (const name of ['etc', 'copy', 'scratch', 'kept']) mkdirSync(join(work, name));
  writeFileSync(join(work, 'etc/base.conf'), 'saved');
  const task = { ...taskIn(work), options: { backup_directory: join(work, 'out'), custom_paths: [join(work, 'etc')] } };
  const { trees = [] } = await univention.run(pluginContext(univention, { ...task, stage: join(work, 'stage') }));
  copyTrees(trees, join(work, 'copy'));
  const [archive = ''] = readdirSync(join(work, 'out'));
  rmSync(join(work, 'out'), { recursive: true });
  writeFileSync(join(work, 'etc/base.conf'), 'newer');
  const places = { copy: join(work, 'copy'), scratch: join(work, 'scratch'), kept: join(work, 'kept') };
  const context = restoreContext(univention, { ...task, ...places });
  const plan = (await univention.restore?.plan(context)) ?? [];
  expect(plan.at(-1)?.what).toContain('procedure of Univention');
  rmSync(join(work, 'calls'));
  await applyRestore(univention, context);
  expect(readdirSync(join(work, 'out'))).toEqual([archive]);
  expect(statSync(join(work, 'out')).mode & 0o777).toBe(0o700);
  expect(readFileSync(join(work, 'etc/base.conf'), 'utf8')).toBe('saved');
  expect(existsSync(join(work, 'calls'))).toBe(false);
  expect(await univention.restore?.verify?.(context)).toMatchObject([{ status: 'ok' }, { status: 'ok' }]);
  await univention.restore?.revert(context);
  expect(existsSync(join(work, 'out'))).toBe(false);
  expect(readFileSync(join(work, 'etc/base.conf'), 'utf8')).toBe('newer');
});

it('a copy with a link in place of its archive, or a whole system, is not put back', async () => {
  for (const name of ['copy/univention_system_dump', 'scratch', 'kept'])
    mkdirSync(join(work, name), { recursive: true });
  symlinkSync('/etc/shadow', join(work, 'copy/univention_system_dump/a.tar.gz'));
  const places = { copy: join(work, 'copy'), scratch: join(work, 'scratch'), kept: join(work, 'kept') };
  const plan = (options: object) => univention.restore?.plan(restoreContext(univention, { options, ...places }));
  await expect(plan({})).rejects.toThrow(/no regular file/);
  rmSync(join(work, 'copy/univention_system_dump/a.tar.gz'));
  await expect(plan({})).rejects.toThrow(/no archive is in/);
  writeFileSync(join(work, 'copy/univention_system_dump/a.tar.gz'), '');
  await expect(plan({ custom_paths: ['/etc/..'] })).rejects.toThrow(/whole system/);
});
