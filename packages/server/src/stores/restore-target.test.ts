// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEmptyTarget } from './restore-target.ts';

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'restore-target-'));
  writeFileSync(join(base, 'file'), '');
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

test('a directory that is missing is created, for us alone', async () => {
  await createEmptyTarget(join(base, 'a', 'b'));
  expect(statSync(join(base, 'a', 'b')).mode & 0o777).toBe(0o700);
});

test.each([
  ['file', /it is a file/],
  ['file/below', /something above it is a file/],
  ['', /it is not empty/],
])('"%s" is refused in words that an operator can use', async (name, message) => {
  await expect(createEmptyTarget(join(base, name))).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringMatching(message),
  });
});
