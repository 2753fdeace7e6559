// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addData, makeNewArchive, newestHost, noise } from '../helpers/faults.ts';
import { createMaintenanceLab, type MaintenanceLab } from '../helpers/maintenance-lab.ts';
import { expectCode } from '../helpers/system-lab.ts';

/* A host whose snapshots are kept for three rounds here, and for five elsewhere. */

let lab: MaintenanceLab;

const offsite = (...args: string[]) =>
  execFileSync('restic', ['-r', lab.at('offsite/lab1'), '-p', lab.at('password'), '--no-cache', ...args], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
const timesThere = (): string[] => JSON.parse(offsite('snapshots', '--json')).map(({ time }: { time: string }) => time);

beforeAll(async () => {
  lab = await createMaintenanceLab();
  mkdirSync(lab.at('offsite'));
  const copy = [
    `repository_root: ${lab.at('offsite')}`,
    `password_file: ${lab.at('password')}`,
    'forget_policy: --keep-last 5',
    'max_age: 8d',
  ];
  const config = readFileSync(lab.serverConfig, 'utf8');
  const copies = `  copies:\n    - name: offsite\n      ${copy.join('\n      ')}\n`;
  lab.write(lab.serverConfig, config.replace('hosts:\n', `${copies}hosts:\n`));
  await lab.init();
  lab.addPast(6, 5, 4, 3, 2);
  addData(lab, { 'noise.bin': noise(300_000, 'copies') });
  await makeNewArchive(lab);
  await expectCode(0, lab.server('backup'));
});

afterAll(() => lab.remove());

it('maintenance thins the copy by its own policy, with a check before it, and says so', async () => {
  expect(timesThere()).toHaveLength(6);
  const { stdout } = await expectCode(0, lab.server('maintenance'));
  expect(lab.ids()).toHaveLength(3);
  expect(timesThere()).toHaveLength(5);
  expect(stdout).toMatch(/copy offsite: 6 snapshots before, 1 forgotten/);
  offsite('check');
});

it('what was forgotten there is not copied again, and what is new is', async () => {
  addData(lab, { 'note.txt': 'another day\n' });
  await makeNewArchive(lab);
  await expectCode(0, lab.server('backup'));
  expect(newestHost(lab).copies).toMatchObject([{ name: 'offsite', message: 'snapshots copied: 1' }]);
  expect(timesThere()).toHaveLength(6);
});

it('when the first repository has burned, everything comes out of the copy', async () => {
  renameSync(lab.repository, lab.at('ashes'));
  try {
    await expectCode(1, lab.server('restore', 'lab1', '--to', lab.at('none')));
    const { stdout } = await expectCode(0, lab.server('snapshots', 'lab1', '--copy', 'offsite'));
    expect(stdout.match(/\d{4}-\d\d-\d\d \d\d:\d\d/g)?.length).toBeGreaterThan(4);
    await expectCode(0, lab.server('restore', 'lab1', '--copy', 'offsite', '--to', lab.at('back')));
    expect(
      execFileSync('find', [lab.at('back'), '-name', 'note.txt', '-exec', 'cat', '{}', '+'], { encoding: 'utf8' }),
    ).toBe('another day\n');
    const unknown = await expectCode(2, lab.server('ls', 'lab1', '--copy', 'of-site'));
    expect(unknown.stderr).toContain('There is no copy "of-site"; restic.copies has: offsite.');
  } finally {
    renameSync(lab.at('ashes'), lab.repository);
  }
});

it('a damaged copy makes the host fail with the name of the copy; the first repository is maintained', async () => {
  const data = lab.at('offsite/lab1/data');
  const files = readdirSync(data, { recursive: true, encoding: 'utf8' }).map((name) => join(data, name));
  const packs = files.filter((path) => statSync(path).isFile()).sort((a, b) => statSync(b).size - statSync(a).size);
  renameSync(packs[0] ?? '', lab.at('pack'));
  const { stdout } = await expectCode(1, lab.server('maintenance'));
  expect(stdout).toMatch(/FAILED copy offsite: check: The repository of lab1 is damaged/);
  expect(timesThere()).toHaveLength(6);
  expect(lab.ids()).toHaveLength(3);
});
