// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { files } from '../../packages/client/src/plugins/files/index.ts';
import { createRun, type Run } from '../../packages/common/src/exec.ts';
import { pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { copySaved } from '../helpers/saved-copy.ts';

let root: string;
let host: string;

const options = () => ({ paths: [host] });

beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'files-proof-')));
  host = join(root, 'host');
  for (const name of ['host/sub', 'stage', 'copy', 'scratch', 'kept']) mkdirSync(join(root, name), { recursive: true });
  for (const name of ['one', 'sub/two']) writeFileSync(join(host, name), name);
  for (const name of ['one', 'sub/two', 'sub', '']) utimesSync(join(host, name), 1_000_000, 1_000_000);
  const stage = join(root, 'stage');
  const { trees = [] } = await files.run(pluginContext(files, { options: options(), stage }));
  copySaved(trees, stage, join(root, 'copy'));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const contextOf = (exec?: Run) =>
  restoreContext(files, {
    ...{ options: options(), copy: join(root, 'copy'), scratch: join(root, 'scratch'), kept: join(root, 'kept') },
    ...(exec === undefined ? {} : { exec }),
  });

/** Does something when tar has put the files back. */
function afterTar(act: () => void): Run {
  const run = createRun({ scrub: (text) => text });
  return async (program, args, how) => {
    const result = await run(program, args, how);
    if (args.includes('--extract')) act();
    return result;
  };
}

describe('files that were put back', () => {
  it('are there, and how much of them the service has left is told', async () => {
    const context = contextOf();
    expect(await files.restore?.apply(context)).toEqual([]);
    writeFileSync(join(host, 'one'), 'new');
    rmSync(join(host, 'sub/two'));
    expect(await files.restore?.verify?.(context)).toEqual([
      { name: host, status: 'ok', message: '3 of 4 files and directories are there' },
    ]);
    rmSync(host, { recursive: true });
    expect(await files.restore?.verify?.(context)).toEqual([
      { name: host, status: 'failed', message: 'it is not there' },
    ]);
    writeFileSync(host, '');
    expect(await files.restore?.verify?.(context)).toMatchObject([{ message: 'it is of another type' }]);
  });

  it('are not accepted where one has another size or time, and nobody has written to it since', async () => {
    const spoil = afterTar(() => {
      writeFileSync(join(host, 'one'), 'on');
      utimesSync(join(host, 'one'), 1_000_000, 1_000_000);
      utimesSync(join(host, 'sub/two'), 1_000_010, 1_000_010);
    });
    await expect(files.restore?.apply(contextOf(spoil))).rejects.toThrow(
      /host\/one: 2 of 3 bytes; .*host\/sub\/two: another time/,
    );
  });

  it('may have been changed by others meanwhile, which is told', async () => {
    const write = afterTar(() => writeFileSync(join(host, 'one'), 'longer'));
    expect(await files.restore?.apply(contextOf(write))).toEqual([
      expect.stringMatching(/^1 files were changed by others .*host\/one$/),
    ]);
  });
});
