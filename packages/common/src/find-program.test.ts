// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findProgram } from './find-program.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'find-program-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function put(name: string, mode: number): string {
  const file = join(directory, name);
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, mode);
  return file;
}

it('finds names on the PATH of children, also on one of their own', async () => {
  expect(await findProgram('sh')).toMatch(/\/sh$/);
  expect(await findProgram('no-such-program')).toBeUndefined();
  const own = put('own-program', 0o755);
  expect(await findProgram('own-program')).toBeUndefined();
  expect(await findProgram('own-program', { PATH: `/none:${directory}` })).toBe(own);
});

it('takes paths as they are', async () => {
  const file = put('program', 0o755);
  expect(await findProgram(file)).toBe(file);
  expect(await findProgram(join(directory, 'none'))).toBeUndefined();
});

it('does not take a directory or a file that cannot be executed', async () => {
  mkdirSync(join(directory, 'directory'));
  put('text', 0o644);
  for (const name of ['directory', 'text']) {
    expect(await findProgram(name, { PATH: directory })).toBeUndefined();
    expect(await findProgram(join(directory, name))).toBeUndefined();
  }
});
