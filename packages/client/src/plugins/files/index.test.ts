// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRun } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PluginContext } from '../../plugin.ts';
import { files } from './index.ts';

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

it('leaves out what the kernel makes up', async () => {
  const { trees = [] } = await files.run(contextOf({ paths: ['/'], exclude: ['*.tmp'] }));
  expect(trees[0]?.paths).toEqual(['.']);
  expect(trees[0]?.exclude).toEqual(expect.arrayContaining(['*.tmp', '/proc/', '/sys/']));
});

it('refuses what is inside it', async () => {
  await expect(validate({ paths: ['/etc', '/proc/sys'] })).rejects.toMatchObject({
    code: 'config',
    message: '/proc/sys is inside /proc, which the kernel makes up (proc): remove it from `paths`.',
  });
});
