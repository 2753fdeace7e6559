// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createMaintenanceLab, type MaintenanceLab } from '../helpers/maintenance-lab.ts';
import { expectCode } from '../helpers/system-lab.ts';

let lab: MaintenanceLab;

const indexes = () => readdirSync(join(lab.repository, 'index')).sort();

beforeAll(async () => {
  lab = await createMaintenanceLab();
  await lab.init();
  mkdirSync(lab.at('past'));
  writeFileSync(lab.at('past/noise'), randomBytes(300_000));
  lab.addPast(3, 2, 1);
});

afterAll(() => lab.remove());

it('a repository that is well is left as it is', async () => {
  const before = indexes();
  const { stdout } = await expectCode(0, lab.server('repair', 'index', 'lab1'));
  expect(stdout).toContain('finds all that is stored');
  expect(stdout).toContain('Nothing is repaired.');
  expect(indexes()).toEqual(before);
});

it('a damaged one is shown, with what to do first; without a terminal nothing is repaired', async () => {
  const [first = ''] = indexes();
  const index = join(lab.repository, 'index', first);
  truncateSync(index, Math.floor(statSync(index).size / 2));
  const before = indexes();
  const { stdout, stderr } = await expectCode(2, lab.server('repair', 'index', 'lab1'));
  expect(stdout).toContain('finds what is wrong');
  expect(stdout).toContain(`rsync -a ${lab.repository}/`);
  expect(stderr).toContain('There is no terminal to ask on');
  expect(indexes()).toEqual(before);
});

it('with --yes it is repaired, looked at again, and the next steps are told', async () => {
  const { stdout } = await expectCode(0, lab.server('repair', 'index', 'lab1', '--yes'));
  expect(stdout).toContain('the index was written anew');
  expect(stdout).toContain('Next: backup-server backup lab1');
  lab.restic(['check']);
});

it('snapshots are not repaired by a restic that cannot, which is said before anything is done', async () => {
  const { stderr } = await expectCode(2, lab.server('repair', 'snapshots', 'lab1', '--dry-run'));
  expect(stderr).toMatch(/restic 0\.14\.\d cannot repair snapshots: 0\.16 or newer/);
});

it('what is missing for good is told, and the exit code says that something is wrong still', async () => {
  const names = readdirSync(join(lab.repository, 'data'), { recursive: true, encoding: 'utf8' });
  const packs = names.map((name) => join(lab.repository, 'data', name)).filter((path) => statSync(path).isFile());
  // That with the noise: a missing one with directories makes restic try again for minutes.
  rmSync(packs.sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? '');
  const { stdout } = await expectCode(1, lab.server('repair', 'index', 'lab1', '--yes'));
  expect(stdout).toMatch(/backup-server repair snapshots lab1 --dry-run/);
});
