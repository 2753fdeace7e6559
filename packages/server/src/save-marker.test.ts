// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSaveMarker } from './save-marker.ts';

let state: string;

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'save-marker-'));
});

afterEach(() => rmSync(state, { recursive: true, force: true }));

test('a marker outlives the process that set it, and is of one host alone', async () => {
  await createSaveMarker(state, 'web1').set('20261121_030000');
  expect(await createSaveMarker(state, 'web1').read()).toEqual(['20261121_030000']);
  expect(await createSaveMarker(state, 'web2').read()).toEqual([]);
});

test('every save has a mark of its own; clearing what is not there is fine', async () => {
  const marker = createSaveMarker(state, 'web1');
  await marker.clear('20261120_030000');
  await marker.set('20261121_030000');
  await marker.set('20261122_030000');
  expect(await marker.read()).toEqual(['20261121_030000', '20261122_030000']);
  await marker.clear('20261122_030000');
  expect(await marker.read()).toEqual(['20261121_030000']);
  await marker.clear('20261121_030000');
  expect(await marker.read()).toEqual([]);
  expect(readdirSync(join(state, 'unproven'))).toEqual([]);
});
