// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Pin, readPins, writePins } from './pins.ts';
import { createUpkeepMemory } from './upkeep-state.ts';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'upkeep-state-'));
});

afterAll(() => rmSync(directory, { recursive: true }));

const time = '2026-11-21T04:00:00.000Z';

test('nothing is remembered at first, then what was changed; others keep theirs', async () => {
  const memory = createUpkeepMemory(directory, 'web1');
  expect(await memory.read()).toEqual({ format: 1 });
  await memory.update({ lastBegun: time, pruneDue: true });
  await memory.update({ pruneDue: false, partsRead: 3 });
  expect(await createUpkeepMemory(directory, 'web1').read()).toEqual({
    format: 1,
    lastBegun: time,
    pruneDue: false,
    partsRead: 3,
  });
  expect(await createUpkeepMemory(directory, 'web2').read()).toEqual({ format: 1 });
  expect(statSync(join(directory, 'upkeep/web1.json')).mode & 0o777).toBe(0o600);
});

test.each([
  ['cut off', '{"format":1,'],
  ['from another version', '{"format":2}'],
  ['edited by hand', '{"format":1,"lastCheck":{"ok":"yes"}}'],
])('a memory that is %s stops the host and tells how to mend it; it is not replaced', async (_, text) => {
  const memory = createUpkeepMemory(directory, 'web3');
  const file = join(directory, 'upkeep/web3.json');
  mkdirSync(join(directory, 'upkeep'), { recursive: true });
  writeFileSync(file, text);
  await expect(memory.read()).rejects.toThrow(
    /last check of web3.*--host web3.*rm \S+web3\.json; backup-server maintenance web3/s,
  );
  await expect(memory.update({ pruneDue: true })).rejects.toThrow();
  expect(readFileSync(file, 'utf8')).toBe(text);
});

test('pins come back as they were made; damaged ones are not none', async () => {
  const pin: Pin = { snapshot: 'ab'.repeat(32), taken: '2026-11-21T05:00:00.5+01:00', reason: 'audit', pinned: time };
  expect(await readPins(directory, 'web1')).toEqual([]);
  await writePins(directory, 'web1', [pin]);
  expect(await readPins(directory, 'web1')).toEqual([pin]);
  expect(await readPins(directory, 'web2')).toEqual([]);
  writeFileSync(join(directory, 'pins/web1.json'), '');
  await expect(readPins(directory, 'web1')).rejects.toThrow(/snapshots of web1 are pinned cannot be read, so nothing/);
});
