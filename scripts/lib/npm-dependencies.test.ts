// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { whyInstall } from './npm-dependencies.mjs';

let repository: string;

function write(path: string, text: string) {
  const file = join(repository, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** A workspace of one package, as pnpm leaves it. */
beforeEach(() => {
  repository = mkdtempSync(join(tmpdir(), 'npm-dependencies-'));
  write('package.json', '{ "devDependencies": { "vitest": "1" } }');
  write('pnpm-lock.yaml', 'lock');
  write('node_modules/.pnpm/lock.yaml', 'lock');
  write('node_modules/vitest/package.json', '{}');
  write('packages/client/package.json', '{ "dependencies": { "zod": "1" } }');
  write('packages/client/node_modules/zod/package.json', '{}');
});

afterEach(() => rmSync(repository, { recursive: true, force: true }));

it('installs nothing when everything is there', () => {
  expect(whyInstall(repository)).toBeUndefined();
});

it('installs into a fresh clone', () => {
  rmSync(join(repository, 'node_modules'), { recursive: true });
  expect(whyInstall(repository)).toBe('there are none yet');
});

it('sees that npm install was run', () => {
  write('node_modules/.package-lock.json', '{}');
  expect(whyInstall(repository)).toContain('made by npm');
});

it('sees that the lock file has changed since', () => {
  write('pnpm-lock.yaml', 'newer lock');
  expect(whyInstall(repository)).toContain('asks for others');
});

it('sees what is missing in one of the packages', () => {
  rmSync(join(repository, 'packages/client/node_modules'), { recursive: true });
  expect(whyInstall(repository)).toBe('missing: zod');
});
