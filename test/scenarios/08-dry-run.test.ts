// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTree } from '../helpers/file-tree.ts';
import { createSystemLab, expectCode, nextSecond, type SystemLab } from '../helpers/system-lab.ts';

let lab: SystemLab;

/** What a lock leaves behind, the cache of restic, and the directories that they are in. */
const WORK_OF_LOCKS = /\.lock(?:\/|$)|^server-state\/restic-cache(?:\/|$)|^repositories\/lab1\/locks$|-state$/;

/** All files of the client and the server, down to the last byte, time and owner. */
function everything() {
  return readTree(lab.root).filter(({ path }) => !WORK_OF_LOCKS.test(path));
}

beforeAll(async () => {
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0'] });
  mkdirSync(lab.at('data'));
  writeFileSync(lab.at('data/one.txt'), 'one\n');
  lab.addService('web/app', `service: {name: app}\nfiles: {paths: [${lab.at('data')}, ${lab.at('gone')}]}\n`);
  const touch = (name: string) => `touch ${lab.at(name)}`;
  lab.addService(
    'web/shop',
    `service: {name: shop}\ncommand: {before: ${touch('b')}, run: ${touch('r')}, after: ${touch('a')}, allow_empty: true}\n`,
  );
  lab.addService('web/bad', 'service: {name: bad}\nfiles: {}\n');
  await lab.init();
});

afterAll(() => lab.remove());

describe('a dry run', () => {
  it('of the client before the first run creates nothing and says what a run would do', async () => {
    await lab.client('backup', '--dry-run');
    const before = everything();
    const { stdout } = await expectCode(0, lab.client('backup', '--dry-run'));
    expect(stdout).toContain('Dry run: nothing was changed. A run would now\n');
    expect(stdout).toContain('  save web/app: files\n');
    expect(stdout).toMatch(
      new RegExp(`^    warning: \\S+service.yaml:2:1: files: ${lab.at('gone')} does not exist`, 'm'),
    );
    expect(stdout).toContain('  save web/shop: command\n');
    expect(stdout).toContain('  FAIL to save web/bad\n');
    expect(stdout).toMatch(/ {2}publish \S+\/spool\/lab1-\d{8}_\d{6}\.tar\.gz\n/);
    expect(everything()).toEqual(before);
    expect(existsSync(join(lab.spool, 'done'))).toBe(false);
    expect(existsSync(lab.at('client-state/runs'))).toBe(false);
  });

  it('of the client names the archives that are too old, and leaves them', async () => {
    rmSync(lab.at('services/web/bad'), { recursive: true });
    await expectCode(0, lab.client('backup'));
    const [old = ''] = lab.archives();
    await nextSecond();
    await expectCode(0, lab.client('backup'));
    const then = new Date(Date.now() - 8 * 86_400_000);
    utimesSync(join(lab.spool, old), then, then);
    for (const name of ['a', 'b', 'r']) expect(existsSync(lab.at(name))).toBe(true);
    const before = everything();
    const { stdout } = await expectCode(0, lab.client('backup', '--dry-run'));
    expect(stdout).toContain(`  remove ${join(lab.spool, old)}\n`);
    expect(everything()).toEqual(before);
  });

  it('of the server fetches, stores, moves and sends nothing, and says what it would fetch and why', async () => {
    const before = everything();
    const { stdout } = await expectCode(0, lab.server('backup', '--dry-run'));
    expect(stdout).toContain('Dry run: nothing was fetched, stored, changed or sent.');
    expect(stdout).toContain(`would fetch ${lab.archives().at(-1)}: nothing is stored yet`);
    expect(everything()).toEqual(before);
    expect(lab.snapshots()).toEqual([]);
    expect(existsSync(lab.at('server-state/runs'))).toBe(false);
  });

  it('of the server says that there is nothing to do', async () => {
    await expectCode(0, lab.server('backup'));
    const before = everything();
    const { stdout } = await expectCode(0, lab.server('backup', '--dry-run'));
    expect(stdout).toMatch(/skipped decision: lab1-\d+_\d+\.tar\.gz is older than the newest stored state/);
    expect(everything()).toEqual(before);
    expect(lab.snapshots()).toHaveLength(1);
  });

  it('of the server says what would fail, with the exit code that this would have', async () => {
    lab.configure({ host: ['max_age: 1m'] });
    lab.write(lab.at('password'), 'not the password\n');
    const before = everything();
    const { stdout } = await expectCode(1, lab.server('backup', '--dry-run'));
    expect(stdout).toMatch(/password/);
    expect(everything()).toEqual(before);
    lab.write(lab.at('password'), 'correct horse battery staple\n');
  });
});
