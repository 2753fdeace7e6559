// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRun } from '@local-backup/common/exec';
import { ownIdentity } from '@local-backup/common/process-identity';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../../test/helpers/silent-log.ts';
import { claimScratch, sweepScratch } from './scratch-claim.ts';

let parent: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'sweep-'));
});

afterEach(() => rmSync(parent, { recursive: true, force: true }));

const io = { exec: createRun({ scrub: (text) => text }), log: silentLog, signal: new AbortController().signal };
const DEAD = JSON.stringify({ ...ownIdentity(), startTime: '1' });

function make(name: string, claim?: string): string {
  const directory = join(parent, name);
  mkdirSync(join(directory, 'inside'), { recursive: true });
  if (claim !== undefined) writeFileSync(join(directory, 'claim'), claim);
  return directory;
}

it('removes what a process that is gone has left, and nothing that a link in it leads to', async () => {
  const kept = make('elsewhere');
  symlinkSync(kept, join(make('s-00000001', DEAD), 'link'));
  make('s-00000002', JSON.stringify({ ...ownIdentity(), bootId: 'another one', startTime: '1' }));
  await sweepScratch(io, [parent, join(parent, 'missing')]);
  expect(readdirSync(parent)).toEqual(['elsewhere']);
  expect(readdirSync(kept)).toEqual(['inside']);
});

it('leaves alone what is in use, of another name, or not for sure ours', async () => {
  await claimScratch(make('s-00000003'));
  make('s-00000004');
  make('s-00000005', 'no claim');
  make('other', DEAD);
  make('s-00000006', JSON.stringify({ ...ownIdentity(), startTime: '1', pidNamespace: 'of a container' }));
  chmodSync(make('s-00000007', DEAD), 0o777);
  symlinkSync(make('x', DEAD), join(parent, 's-00000008'));
  symlinkSync(join(parent, 'x/claim'), join(make('s-00000009'), 'claim'));
  const before = readdirSync(parent);
  await sweepScratch(io, [parent]);
  expect(readdirSync(parent)).toEqual(before);
});
