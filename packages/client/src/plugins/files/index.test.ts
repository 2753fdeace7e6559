// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toolsOf } from '@local-backup/common/config/tools';
import { createRun } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PluginContext } from '../../plugin.ts';
import { files } from './index.ts';
import { isLeftOut } from './plan.ts';

let root: string;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'files-')));
  mkdirSync(join(root, 'data'));
  symlinkSync('data', join(root, 'link'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function contextOf(task: unknown): PluginContext {
  const quiet = () => undefined;
  const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
  return {
    service: { name: 'shop', type: 'web', configDirectory: root },
    options: files.options.parse(task),
    stage: root,
    exec: createRun({ scrub: (text) => text }),
    tools: toolsOf(),
    log,
    signal: new AbortController().signal,
    remember: async () => undefined,
    remembered: () => undefined,
  };
}

const validate = async (task: unknown) => files.validate?.(contextOf(task));

it('tells before the run what only the link is saved of, and what is left out', async () => {
  const paths = [`${root}/link`, `${root}/data/`, `${root}/gone`];
  const task = { paths, exclude: ['data'] };
  const expected = [
    `${root}/gone does not exist: nothing was saved of it. Correct \`paths\` if that is meant to be so.`,
    `${root}/link is a symbolic link: only the link itself is saved. Name its target in \`paths\` to save that.`,
    `${root}/data is left out by \`data\` of its own \`exclude\`.`,
  ];
  expect(await validate(task)).toEqual(expected);
  expect((await files.run(contextOf(task))).warnings).toEqual(expected);
});

it('a circle of links is no internal error', async () => {
  symlinkSync('circle', join(root, 'circle'));
  await expect(validate({ paths: [`${root}/circle/x`] })).rejects.toThrow(
    `None of the paths exists: ${root}/circle/x (leads through symbolic links that go round in a circle).`,
  );
});

it('leaves out what the kernel makes up, and snapshots of other services', async () => {
  const { trees = [] } = await files.run(contextOf({ paths: ['/'], exclude: ['*.tmp'] }));
  expect(trees[0]?.paths).toEqual(['.']);
  expect(trees[0]?.exclude).toEqual(expect.arrayContaining(['*.tmp', '/proc/', '/sys/', '/run/local-backup/']));
});

it('refuses what is inside it', async () => {
  await expect(validate({ paths: ['/etc', '/proc/sys'] })).rejects.toMatchObject({
    code: 'config',
    message: '/proc/sys is inside /proc, which the kernel makes up (proc): remove it from `paths`.',
  });
});

it('a path may have options of its own: they are added to those of all', async () => {
  mkdirSync(join(root, 'other'));
  const own = { path: `${root}/other`, exclude: ['*.bak'], one_file_system: true };
  const { trees } = await files.run(contextOf({ paths: [`${root}/data`, own], exclude: ['*.tmp'] }));
  const common = { into: 'data', root: '/' };
  expect(trees).toEqual([
    { ...common, paths: [`${root}/data`.slice(1)], exclude: ['*.tmp'], oneFileSystem: false },
    { ...common, paths: [`${root}/other`.slice(1)], exclude: ['*.tmp', '*.bak'], oneFileSystem: true },
  ]);
  expect(JSON.parse(readFileSync(join(root, 'files/saved.json'), 'utf8'))).toEqual({
    paths: { [`${root}/data`]: `${root}/data`, [`${root}/other`]: `${root}/other` },
  });
});

it('refuses a path that is saved in another one in another way', async () => {
  const paths = [root, `${root}/data`, { path: `${root}/link/`, exclude: ['*.bak'] }];
  await expect(validate({ paths })).rejects.toMatchObject({
    code: 'config',
    message: expect.stringContaining(`${root}/link is in ${root}, which is saved with other options`),
  });
});

it('takes the option of old files that it does not need, and says so', async () => {
  const warnings = await validate({ paths: [`${root}/data`], rsync_options: '--archive --hard-links' });
  expect(warnings).toEqual([expect.stringMatching(/^`rsync_options` has no effect/)]);
});

it.each([
  ['/srv/cache', ['/srv/cache/'], true],
  ['/srv/cache/deep', ['/srv/cache'], true],
  ['/srv/cache/deep', ['cache/'], true],
  ['/srv/app', ['cache/'], false],
  ['/srv/app', ['?', '*.log', '/srv/app/?'], false],
  ['/srv', ['/srv/app'], false],
  ['/elsewhere/cache', ['/elsewhere/cache'], false],
])('whether anything in %s is saved, with %j', (directory, exclude, expected) => {
  expect(isLeftOut(directory, [{ paths: ['/srv'], exclude, oneFileSystem: false }])).toBe(expected);
});
