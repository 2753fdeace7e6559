// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clearSuspicion, markSuspicious, readSuspicion, suspicionFile } from './suspicion-file.ts';

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'suspicion-'));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const monday = { evidence: ['too much'], lastGood: 'a'.repeat(64), now: new Date('2026-11-16T03:00:00Z') };
const tuesday = { evidence: ['too little'], lastGood: 'b'.repeat(64), now: new Date('2026-11-17T03:00:00Z') };

describe('suspicion', () => {
  it('is not there before there is a reason', async () => {
    expect(await readSuspicion(state, 'web1')).toBeUndefined();
  });

  it('is remembered, for that host alone, in a file that only root can read', async () => {
    await markSuspicious(state, 'web1', monday);
    const expected = { since: '2026-11-16T03:00:00.000Z', evidence: ['too much'], lastGood: monday.lastGood };
    expect(await readSuspicion(state, 'web1')).toEqual(expected);
    expect(await readSuspicion(state, 'web2')).toBeUndefined();
    expect(statSync(suspicionFile(state, 'web1')).mode & 0o777).toBe(0o600);
  });

  it('keeps the first day and the last good snapshot, and adds what is new', async () => {
    await markSuspicious(state, 'web1', monday);
    const mark = await markSuspicious(state, 'web1', { ...tuesday, evidence: ['too much', 'too little'] });
    expect(mark).toEqual({
      since: '2026-11-16T03:00:00.000Z',
      evidence: ['too much', 'too little'],
      lastGood: monday.lastGood,
    });
    expect(await readSuspicion(state, 'web1')).toEqual(mark);
  });

  it('does not take a later snapshot for the last good one where there was none', async () => {
    await markSuspicious(state, 'web1', { ...monday, lastGood: undefined });
    expect(await markSuspicious(state, 'web1', tuesday)).not.toHaveProperty('lastGood');
  });

  it('stays small however often it is renewed', async () => {
    for (let day = 0; day < 60; day += 1) {
      await markSuspicious(state, 'web1', { ...monday, evidence: [`${day} ${'x'.repeat(10_000)}`] });
    }
    const mark = await readSuspicion(state, 'web1');
    expect(mark?.evidence).toHaveLength(50);
    expect(mark?.evidence[0]).toHaveLength(500);
  });

  it('is gone when it is cleared, and may be cleared twice', async () => {
    await clearSuspicion(state, 'web1');
    await markSuspicious(state, 'web1', monday);
    await clearSuspicion(state, 'web1');
    await clearSuspicion(state, 'web1');
    expect(await readSuspicion(state, 'web1')).toBeUndefined();
    expect(readdirSync(join(state, 'suspicious'))).toEqual([]);
  });

  it.each([
    ['empty', ''],
    ['cut off', '{"format":1,"sin'],
    ['of a later version', '{"format":2,"since":"2026-11-16T03:00:00.000Z","evidence":["too much"]}'],
    ['without a reason', '{"format":1,"since":"2026-11-16T03:00:00.000Z","evidence":[]}'],
    ['with more in it', '{"format":1,"since":"2026-11-16T03:00:00.000Z","evidence":["x"],"released":true}'],
  ])('that is %s is an error that says what to do, and can be cleared', async (_, text) => {
    mkdirSync(join(state, 'suspicious'));
    writeFileSync(suspicionFile(state, 'web1'), text);
    await expect(readSuspicion(state, 'web1')).rejects.toThrow(
      /web1 was marked suspicious.*nothing is forgotten.*backup-server release web1/,
    );
    await expect(markSuspicious(state, 'web1', monday)).rejects.toThrow('cannot be read');
    await clearSuspicion(state, 'web1');
    expect(await readSuspicion(state, 'web1')).toBeUndefined();
  });
});
