// SPDX-License-Identifier: AGPL-3.0-or-later
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRun } from '@local-backup/common/exec';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDrillDirectory } from '../../packages/server/src/drill/drill-directory.ts';
import { silentLog } from '../helpers/silent-log.ts';

const run = createRun({ scrub: (text) => text });
const DIGITS = '0123456789abcdef';

let base: string;
let drills: string;
const at = (...names: string[]) => join(drills, ...names);
const open = (directory = drills, create = false) => openDrillDirectory(directory, { create, run, log: silentLog });

beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), 'drill-directory-'));
  drills = join(base, 'drills');
  fs.mkdirSync(drills, { mode: 0o700 });
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

test('what killed drills left is removed, and nothing else', async () => {
  const precious = join(base, 'precious');
  fs.mkdirSync(precious);
  fs.writeFileSync(join(precious, 'file'), '');
  const left = at(`web1.example.com-${DIGITS}`);
  fs.mkdirSync(join(left, 'tree'), { recursive: true });
  fs.symlinkSync(precious, join(left, 'tree', 'link'));
  fs.writeFileSync(Buffer.from(`${left}/tree/caf\xe9\n`, 'latin1'), '');
  fs.symlinkSync(precious, at(`web2-${DIGITS}`));
  const others = [`-${DIGITS}`, `web1-${DIGITS}0`, `web1-${DIGITS.toUpperCase()}`, 'web1-0123', `..-${DIGITS}`, 'web1'];
  for (const name of others) fs.mkdirSync(at(name));
  fs.writeFileSync(at(`web3-${DIGITS}`), 'a file');
  fs.mkdirSync(at(`build-${DIGITS}`));
  fs.writeFileSync(at(`build-${DIGITS}`, 'tree.c'), 'of somebody else');
  await (await open()).sweep();
  expect(fs.readdirSync(drills).sort()).toEqual(
    [...others, `build-${DIGITS}`, `web2-${DIGITS}`, `web3-${DIGITS}`].sort(),
  );
  expect(fs.readdirSync(precious)).toEqual(['file']);
  expect(fs.readdirSync(at(`build-${DIGITS}`))).toEqual(['tree.c']);
});

test('a target is private, and removed also when the work fails; links out of it are not followed', async () => {
  fs.writeFileSync(join(base, 'precious'), '');
  const directory = await open();
  const work = async (target: string) => {
    expect(fs.statSync(target).mode & 0o777).toBe(0o700);
    fs.symlinkSync(base, join(target, 'link'));
    fs.mkdirSync(join(target, 'closed'), { mode: 0 });
    throw new Error('broken');
  };
  await expect(directory.withTarget('web1', work, () => undefined)).rejects.toThrow('broken');
  expect(fs.readdirSync(drills)).toEqual([]);
  expect(fs.existsSync(join(base, 'precious'))).toBe(true);
});

test('a directory that is missing is created only where that was asked for', async () => {
  await expect(open(join(base, 'missing'))).rejects.toMatchObject({
    code: 'config',
    message: expect.stringContaining('does not exist'),
  });
  await open(join(base, 'missing'), true);
  await open(join(base, 'missing'), true);
  expect(fs.statSync(join(base, 'missing')).mode & 0o777).toBe(0o700);
  await expect(open(join(base, 'not', 'mounted'), true)).rejects.toMatchObject({ code: 'config' });
});

test.each<[string, () => void]>([
  ['a directory that others may write to', () => fs.chmodSync(drills, 0o777)],
  ['a directory of somebody else', () => fs.chownSync(drills, 1234, 0)],
  [
    'a link to a directory',
    () => {
      fs.renameSync(drills, `${drills}.away`);
      fs.symlinkSync(`${drills}.away`, drills);
    },
  ],
])('%s is refused', async (_, spoil) => {
  spoil();
  await expect(open()).rejects.toMatchObject({ code: 'config', message: expect.stringContaining('(drill.directory)') });
});
