// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runParts } from '../../packages/client/src/plugins/run-parts/index.ts';
import { readTree } from '../helpers/file-tree.ts';
import { applyRestore, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { pluginContract } from './plugin.ts';

/** Scripts by name, which find their output directory in $out. */
function scriptsIn(directory: string, scripts: Readonly<Record<string, string>>, mode = 0o755) {
  const [from, output] = [join(directory, 'scripts'), join(directory, 'output')];
  mkdirSync(from, { recursive: true });
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(from, name), `#!/bin/sh\nout='${output}'\n${script}\n`);
    chmodSync(join(from, name), mode);
  }
  return { directory: from, output };
}

pluginContract(runParts, (directory) => {
  const output = join(directory, 'lib/output');
  mkdirSync(join(output, 'sub'), { recursive: true });
  // Dumps are nobody else's matter.
  chmodSync(output, 0o700);
  writeFileSync(join(output, 'sub/dump.sql'), 'rows');
  return {
    options: { ...scriptsIn(directory, { quiet: 'true' }), output },
    stateOfHost: () => [
      existsSync(join(directory, 'lib')),
      existsSync(output) ? [statSync(output).mode, readTree(output)] : [],
    ],
    destroy: () => rmSync(join(directory, 'lib'), { recursive: true }),
    damage: (copy) => rmSync(join(copy, 'run_parts'), { recursive: true }),
  };
});

let work: string;
const context = (options: unknown) => pluginContext(runParts, { options, stage: work });

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'run-parts-'));
});

afterEach(() => rmSync(work, { recursive: true, force: true }));

it('all scripts run in the order of their names, and what they leave is read where it is', async () => {
  const options = scriptsIn(work, {
    '20-b': 'echo b >>"$out/order"',
    '10-a': 'echo a >>"$out/order"',
    'no.dots': 'exit 1',
  });
  const { trees = [], failures } = await runParts.run(context(options));
  expect(failures).toEqual([]);
  expect(trees.map(({ root, into }) => [root, into])).toEqual([[options.output, 'run_parts']]);
  expect(readFileSync(join(options.output, 'order'), 'utf8')).toBe('a\nb\n');
  expect(statSync(options.output).mode & 0o777).toBe(0o700);
});

it('a script that fails is a failure with its words, and what there is is saved all the same', async () => {
  const options = scriptsIn(work, { '10-bad': 'echo "disk on fire" >&2; exit 4', '20-good': 'echo rows >"$out/rows"' });
  const { trees = [], failures = [] } = await runParts.run(context(options));
  expect(failures).toEqual([expect.stringMatching(/10-bad|run-parts failed.*disk on fire/s)]);
  expect(trees).toHaveLength(1);
  expect(readFileSync(join(options.output, 'rows'), 'utf8')).toBe('rows\n');
});

it('a run without scripts, or one that leaves nothing, is a warning; the directory may be a link', async () => {
  const empty = scriptsIn(work, { 'dump.sh': 'true' });
  expect((await runParts.run(context(empty))).warnings).toEqual([
    expect.stringContaining('no script that run-parts would run'),
    `${empty.output} is empty: the scripts have left nothing to save.`,
  ]);
  scriptsIn(work, { dump: 'echo rows >"$out/rows"' });
  symlinkSync(empty.directory, join(work, 'link'));
  const { warnings, facts } = await runParts.run(context({ ...empty, directory: join(work, 'link') }));
  expect([warnings, facts]).toEqual([[], { scripts: join(work, 'link/dump') }]);
});

it('with on_failure: abort nothing of the task is saved then', async () => {
  const options = { ...scriptsIn(work, { bad: 'exit 4' }), on_failure: 'abort' };
  await expect(runParts.run(context(options))).rejects.toThrow(/run-parts failed/);
});

it('scripts that others could change are refused, before anything is run', async () => {
  const options = scriptsIn(work, { dump: 'echo rows >"$out/rows"' }, 0o777);
  await expect(runParts.validate?.(context(options))).rejects.toThrow(/would run as root/);
  await expect(runParts.run(context(options))).rejects.toThrow(/would run as root/);
  // Nothing is in it yet.
  const { directory } = scriptsIn(join(work, 'open'), {});
  chmodSync(directory, 0o777);
  await expect(runParts.validate?.(context({ ...options, directory }))).rejects.toThrow(
    /others than its owner can write/,
  );
});

it('a directory that is missing, or holds nothing to run, is told before the run', async () => {
  await expect(runParts.validate?.(context({ directory: join(work, 'none') }))).rejects.toThrow(/is no directory/);
  const empty = scriptsIn(work, { 'dump.sh': 'true' });
  expect(await runParts.validate?.(context(empty))).toEqual([
    expect.stringContaining('no script that run-parts would run'),
  ]);
});

/** A copy with one dump in it, and scripts that load it; they note what they are called with. */
function copyIn(directory: string, scripts: Readonly<Record<string, string>>) {
  for (const name of ['copy/run_parts', 'scratch', 'kept', 'output'])
    mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, 'copy/run_parts/dump.sql'), 'saved');
  writeFileSync(join(directory, 'output/dump.sql'), 'newer');
  const { directory: restore_scripts, output } = scriptsIn(directory, scripts);
  const places = { copy: join(directory, 'copy'), scratch: join(directory, 'scratch'), kept: join(directory, 'kept') };
  return restoreContext(runParts, { options: { output, restore_scripts }, ...places });
}

it('scripts of the admin load what is back in place, in the order of their names', async () => {
  const running = copyIn(work, {
    '20-b': 'echo "b $*" >>"$out/calls"',
    '10-a': 'echo "a $(cat "$1/dump.sql")" >>"$out/calls"',
  });
  const output = join(work, 'output');
  const plan = await runParts.restore?.plan(running);
  expect(plan?.filter(({ action }) => action === 'load').map(({ what }) => what)).toEqual([
    `by ${join(work, 'scripts/10-a')}, with ${output} as its argument`,
    `by ${join(work, 'scripts/20-b')}, with ${output} as its argument`,
  ]);
  expect(readFileSync(join(output, 'dump.sql'), 'utf8')).toBe('newer');
  await applyRestore(runParts, running);
  expect(readFileSync(join(output, 'calls'), 'utf8')).toBe(`a saved\nb ${output}\n`);
  const verify = async () =>
    (await runParts.restore?.verify?.(running))?.map(({ status, message }) => [status, message]);
  expect(await verify()).toEqual([['ok', '2 of 2 files and directories are there']]);
  rmSync(output, { recursive: true });
  expect(await verify()).toEqual([['failed', `not there: ${output}`]]);
});

it('the first of them that fails ends the restore, which is then taken back', async () => {
  const running = copyIn(work, { '10-bad': 'echo "no server" >&2; exit 3', '20-b': 'touch "$out/b"' });
  await expect(applyRestore(runParts, running)).rejects.toThrow(/no server/);
  await runParts.restore?.revert(running);
  expect(readFileSync(join(work, 'output/dump.sql'), 'utf8')).toBe('newer');
  expect(existsSync(join(work, 'output/b'))).toBe(false);
});

it('scripts that others could change, or a hostile copy, are refused by the plan', async () => {
  const running = copyIn(work, { load: 'true' });
  chmodSync(join(work, 'scripts/load'), 0o777);
  await expect(runParts.restore?.plan(running)).rejects.toThrow(/would run as root/);
  rmSync(join(work, 'copy/run_parts'), { recursive: true });
  symlinkSync('/etc', join(work, 'copy/run_parts'));
  await expect(runParts.restore?.plan(running)).rejects.toThrow(/run_parts in the copy is no directory/);
});
