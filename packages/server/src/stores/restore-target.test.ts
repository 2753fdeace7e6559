// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTarget, requireEmptyTarget, requireRoom, requireUnusedTarget } from './restore-target.ts';

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'restore-target-'));
  writeFileSync(join(base, 'file'), '');
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

test('a directory that is missing is created, for us alone', async () => {
  await createTarget(join(base, 'a', 'b'));
  expect(statSync(join(base, 'a', 'b')).mode & 0o777).toBe(0o700);
});

test.each([
  ['file', /it is a file/],
  ['file/below', /something above it is a file/],
])('"%s" is refused in words that an operator can use', async (name, message) => {
  await expect(createTarget(join(base, name))).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringMatching(message),
  });
});

test('a directory that holds anything is not used; one that is empty or missing is', async () => {
  await expect(requireUnusedTarget(base)).rejects.toMatchObject({ code: 'usage' });
  await requireUnusedTarget(join(base, 'missing'));
});

test('just before a restore the directory has to be there, and empty', async () => {
  await expect(requireEmptyTarget(base)).rejects.toThrow(/not empty/);
  await expect(requireEmptyTarget(join(base, 'missing'))).rejects.toMatchObject({ code: 'usage' });
  await createTarget(join(base, 'missing'));
  await requireEmptyTarget(join(base, 'missing'));
});

test('too little room is told with the numbers, also for a directory that is still to be made', async () => {
  const target = join(base, 'a', 'b');
  await requireRoom(target, { bytes: 0, entries: 0 });
  await expect(requireRoom(target, { bytes: 2 ** 52, entries: 1 })).rejects.toThrow(
    /^Not enough room .*PiB are needed, /,
  );
});
