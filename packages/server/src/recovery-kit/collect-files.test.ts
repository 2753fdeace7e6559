// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { collectFiles, filesBelow } from './collect-files.ts';

let directory: string;
const at = (...names: string[]) => join(directory, ...names);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'collect-files-'));
  mkdirSync(at('ssh/deep'), { recursive: true });
  mkdirSync(at('logs'));
  for (const name of ['ssh/key', 'ssh/deep/key', 'logs/log', 'elsewhere']) writeFileSync(at(name), name);
  symlinkSync(at('elsewhere'), at('ssh/config'));
  symlinkSync(at('ssh'), at('ssh/deep/round'));
  symlinkSync(at('nowhere'), at('ssh/dangling'));
});

afterAll(() => rmSync(directory, { recursive: true }));

it('what is below a directory is found once, links to files too: the content counts', async () => {
  const found = await filesBelow(directory, ['logs']);
  const { files, problems } = await collectFiles(found);
  expect(files.map(({ path, content }) => [path, content?.toString()])).toEqual([
    [at('elsewhere'), 'elsewhere'],
    [at('ssh/config'), 'elsewhere'],
    [at('ssh/deep/key'), 'ssh/deep/key'],
    [at('ssh/key'), 'ssh/key'],
  ]);
  expect(problems).toEqual([]);
});

it('what is missing, or no file, is a problem where it is needed', async () => {
  const wanted = { kind: 'configuration', neededFor: 'everything' } as const;
  const { files, problems } = await collectFiles([
    { path: at('none'), kind: 'configuration' },
    { path: at('none'), ...wanted },
    { path: at('ssh'), ...wanted },
  ]);
  expect(files).toEqual([]);
  expect(problems).toEqual([
    `${at('none')} is not there. Needed for: everything.`,
    `${at('ssh')} is not a regular file. Needed for: everything.`,
  ]);
});

it('a directory that cannot be read is a problem, one that is not there is none', async () => {
  const { problems } = await collectFiles([...(await filesBelow(at('elsewhere'))), ...(await filesBelow(at('none')))]);
  expect(problems).toEqual([`${at('elsewhere')} cannot be read (ENOTDIR). Needed for: what is in it.`]);
});
