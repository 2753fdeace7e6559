// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TaskResult } from '../../packages/client/src/plugin.ts';
import { system, systemBelow } from '../../packages/client/src/plugins/system/index.ts';
import { createRun } from '../../packages/common/src/exec.ts';
import { readTree } from '../helpers/file-tree.ts';
import { copyContext, pluginContext } from '../helpers/plugin-context.ts';
import { pluginContract } from './plugin.ts';

/** Files of a machine; the contract makes another directory for each test, so this one is the same for all. */
const machine = mkdtempSync(join(tmpdir(), 'machine-'));

pluginContract(systemBelow(machine), () => {
  rmSync(machine, { recursive: true, force: true });
  mkdirSync(join(machine, 'etc/cron.d'), { recursive: true });
  writeFileSync(join(machine, 'etc/cron.d/shop'), '# every night', { mode: 0o640 });
  writeFileSync(join(machine, 'etc/crontab'), '# each hour');
  return {
    options: { include: ['packages', 'cron'], restore: ['cron'] },
    // The time of the directory above changes with what is put into it.
    stateOfHost: () => readTree(join(machine, 'etc')),
    destroy: () => {
      rmSync(join(machine, 'etc/cron.d'), { recursive: true });
      writeFileSync(join(machine, 'etc/crontab'), '# changed');
    },
    damage: (copy) => writeFileSync(join(copy, 'system/dpkg-selections.txt'), ''),
  };
});

let work: string;
let result: TaskResult;
const saved = (name: string) => readFileSync(join(work, 'stage/system', name), 'utf8');

/** A program in front of all others that does what the script says. */
function standIn(name: string, script: string): void {
  writeFileSync(join(work, 'bin', name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(work, 'bin', name), 0o755);
}

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'system-'));
  for (const name of ['stage', 'bin']) mkdirSync(join(work, name));
  standIn('nft', 'echo "no such table" >&2; exit 1');
  // These take seconds on a busy machine, and are asked for by every test of the contract.
  for (const name of ['apt-mark', 'update-alternatives', 'snap', 'flatpak']) standIn(name, 'echo bash');
  standIn('pveversion', 'echo "proxmox-ve: 8.2.0"');
  const run = createRun({ scrub: (text) => text });
  const PATH = `${join(work, 'bin')}:${process.env.PATH}`;
  process.env.PATH = PATH;
  const context = pluginContext(system, { options: {}, stage: join(work, 'stage'), exec: run });
  result = await system.run(context);
});

afterAll(() => {
  process.env.PATH = process.env.PATH?.replace(`${join(work, 'bin')}:`, '');
  for (const directory of [work, machine]) rmSync(directory, { recursive: true, force: true });
});

it('packages are listed as dpkg takes them back', () => {
  expect(saved('dpkg-selections.txt')).toMatch(/^dpkg\s+install$/m);
  expect(saved('packages.txt')).toMatch(/^dpkg:\w+\t[\d.]+\S*\tii/m);
});

it('files that a rebuild needs are named as trees, none inside another', () => {
  const paths = result.trees?.flatMap((tree) => tree.paths.map(String)) ?? [];
  expect(paths).toEqual(expect.arrayContaining(['etc/passwd', 'etc/apt', 'etc/hosts']));
  for (const path of paths) expect(paths.filter((other) => path.startsWith(`${other}/`))).toEqual([]);
});

it('what a program tells that is there only on some machines is saved where it is there', () => {
  expect(saved('pveversion.txt')).toBe('proxmox-ve: 8.2.0\n');
  expect(readdirSync(join(work, 'stage/system'))).not.toContain('pve-guests.json');
});

it('a program that fails is a warning that names it, leaves no half list, and the rest is saved', () => {
  expect(result.warnings?.filter((warning) => warning.includes('nft list ruleset'))).toHaveLength(1);
  expect(result.warnings?.join('\n')).toContain('no such table');
  expect(readdirSync(join(work, 'stage/system'))).not.toContain('nftables.txt');
});

it('a list that the machine could not make is not missed in its copy, others are', async () => {
  const copy = join(work, 'alien');
  mkdirSync(join(copy, 'system'), { recursive: true });
  writeFileSync(join(copy, 'system/rpm.txt'), 'x');
  const given = { options: { include: ['packages'] }, copy, scratch: work };
  const verify = (facts: Readonly<Record<string, string>>) => system.verify?.(copyContext(system, { ...given, facts }));
  expect(await verify({ unlisted: 'dpkg-selections.txt' })).toMatchObject([{ status: 'ok' }]);
  expect(await verify({})).toMatchObject([{ status: 'failed' }, { status: 'ok' }]);
});

it('nothing of what was asked for is on the machine: told before the run', async () => {
  const stage = join(work, 'stage');
  const validate = system.validate?.(pluginContext(system, { options: { include: ['packages'] }, stage }));
  await expect(validate).resolves.toBeUndefined();
  expect(system.describe?.(system.options.parse({ include: ['cron'] }))).toBe('what a rebuild needs: cron');
});
