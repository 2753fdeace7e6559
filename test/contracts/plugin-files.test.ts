// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { files } from '../../packages/client/src/plugins/files/index.ts';
import { readTree } from '../helpers/file-tree.ts';
import { copyContext, pluginContext } from '../helpers/plugin-context.ts';
import { copySaved } from '../helpers/saved-copy.ts';
import { pluginContract } from './plugin.ts';

pluginContract(files, (directory) => {
  const file = join(directory, 'file');
  writeFileSync(file, 'content');
  return {
    options: { paths: [directory] },
    stateOfHost: () => readTree(directory),
    destroy: () => writeFileSync(file, 'lost'),
    damage: (copy) => rmSync(join(copy, 'data', directory), { recursive: true }),
  };
});

it('verify: names what is missing of the paths, and knows what never was there', async () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'files-verify-')));
  try {
    const at = (...names: string[]) => join(root, ...names);
    for (const name of ['host', 'stage', 'copy', 'scratch']) mkdirSync(at(name), { mode: 0o700 });
    execFileSync('bash', ['--norc', '-euc', 'mkdir real; echo x > real/file; echo y > other; ln -s real link'], {
      cwd: at('host'),
    });
    const paths = [at('host/link/file'), at('host/other'), at('host/gone')];
    const { trees = [] } = await files.run(pluginContext(files, { options: { paths }, stage: at('stage') }));
    copySaved(trees, at('stage'), at('copy'));
    const context = copyContext(files, { options: { paths }, copy: at('copy'), scratch: at('scratch') });
    const check = async () => (await files.verify?.(context)) ?? [];
    expect((await check()).map(({ status, message }) => [status, message])).toEqual([
      ['ok', 'is there'],
      ['ok', 'is there'],
      ['ok', 'did not exist when the others were saved'],
    ]);
    rmSync(at('copy/data', at('host/real')), { recursive: true });
    const message = `data${at('host/real')} is missing in the copy`;
    expect((await check())[0]).toEqual({ name: paths[0], status: 'failed', message });
  } finally {
    rmSync(root, { recursive: true });
  }
});
