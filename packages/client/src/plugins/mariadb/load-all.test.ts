// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { expect, it } from 'vitest';
import { loadAll } from './load-all.ts';

it('tries again what needs others, and gives up when nothing helps', async () => {
  const needs: Readonly<Record<string, string | undefined>> = { a: 'b', b: 'c', d: 'nobody' };
  const loaded: string[] = [];
  const failed = await loadAll(['a', 'b', 'c', 'd'], async (name) => {
    const need = needs[name];
    if (need !== undefined && !loaded.includes(need)) throw new BackupError('failed', `${name} needs ${need}`);
    loaded.push(name);
  });
  expect(loaded).toEqual(['c', 'b', 'a']);
  expect(failed.map(({ error }) => error.message)).toEqual(['d needs nobody']);
});
