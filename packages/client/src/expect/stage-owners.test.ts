// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytePathOfText } from '@local-backup/common/byte-path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createStageOwners } from './stage-owners.ts';

let stage: string;

beforeEach(() => {
  stage = mkdtempSync(join(tmpdir(), 'stage-'));
});

afterEach(() => rmSync(stage, { recursive: true, force: true }));

it('what is new belongs to who has left it, also in a directory that was there', async () => {
  const make = (path: string) => {
    mkdirSync(join(stage, path, '..'), { recursive: true });
    writeFileSync(join(stage, path), '');
  };
  const owners = createStageOwners<string>(stage);
  make('config_used/service.yaml');
  await owners.claim(undefined);
  make('shared/one');
  make('own/deep/er/one');
  await owners.claim('one');
  make('shared/two');
  make('two.sql');
  make('own/deep/er/two');
  await owners.claim('two');
  await owners.claim('three');
  const ownerOf = (path: string) => owners.ownerOf(bytePathOfText(path));
  expect(['shared/one', 'shared/two', 'shared', 'two.sql', 'own/deep/er/one'].map(ownerOf)).toEqual([
    ...['one', 'two', 'one', 'two', 'one'],
  ]);
  // What lies deeper than two levels belongs to whoever has made its place.
  expect(ownerOf('own/deep/er/two')).toBe('one');
  expect(ownerOf('config_used/service.yaml')).toBeUndefined();
  expect(['one', 'two', 'three'].map(owners.has)).toEqual([true, true, false]);

  // A name that is no text goes as well; what is another one's stays.
  writeFileSync(Buffer.concat([Buffer.from(`${stage}/shared/`), Buffer.from([0xff])]), '');
  await owners.claim('two');
  await owners.remove('two');
  expect(readdirSync(stage).sort()).toEqual(['config_used', 'own', 'shared']);
  expect(readdirSync(join(stage, 'shared'))).toEqual(['one']);
  expect(owners.has('two')).toBe(false);
});
