// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bytePathOfText } from '@local-backup/common/byte-path';
import { BackupError, describeError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import { definePlugin } from '../../plugin.ts';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { requireTrustedFile } from '../../plugin-tools/trusted-file.ts';
import { options, type RunPartsOptions } from './options.ts';
import { restore } from './restore.ts';
import { DIRECTORY, runScripts, scriptsIn } from './scripts.ts';

/** Runs scripts that prepare a backup, as run-parts(8) does, and saves what they leave. */
export const runParts = definePlugin<RunPartsOptions>({
  name: 'run_parts',
  summary: 'Runs the scripts of a directory by run-parts, and saves what they leave in another one.',
  options,
  describe: ({ directory, output }) => `what the scripts in ${directory} leave in ${output}`,

  async validate(context) {
    const { directory } = context.options;
    if ((await findProgram('run-parts')) === undefined) {
      throw new BackupError('config', 'run-parts is not installed. Install it (Debian: debianutils).');
    }
    const scripts = await scriptsIn(directory, 'directory', context);
    for (const script of scripts) await requireTrustedFile(script);
    return scripts.length === 0 ? [noScript(directory)] : [];
  },

  async run(context) {
    const { directory, output, on_failure } = context.options;
    const scripts = await scriptsIn(directory, 'directory', context);
    for (const script of scripts) await requireTrustedFile(script);
    await mkdir(output, { recursive: true, mode: 0o700 });
    const failures: string[] = [];
    try {
      await runScripts(directory, context);
    } catch (error) {
      context.signal.throwIfAborted();
      if (on_failure === 'abort') throw error;
      failures.push(`A script in ${directory} failed: ${describeError(error)} What there is in ${output} was saved.`);
    }
    const tree = { into: DIRECTORY, root: output, paths: [bytePathOfText('.')], exclude: [], oneFileSystem: false };
    const warnings = scripts.length === 0 ? [noScript(directory)] : [];
    if ((await readdir(output)).length === 0)
      warnings.push(`${output} is empty: the scripts have left nothing to save.`);
    return { trees: [tree], warnings, failures, facts: { scripts: scripts.join(', ').slice(0, 1_000) } };
  },

  verify: lookAt,
  restore,
});

function noScript(directory: string): string {
  return `${directory} holds no script that run-parts would run: chmod +x, no dot in the name.`;
}

async function lookAt({ copy }: CopyContext<RunPartsOptions>): Promise<readonly Check[]> {
  const names = await readdir(join(copy, DIRECTORY)).catch(() => undefined);
  if (names === undefined) return [{ name: DIRECTORY, status: 'failed', message: 'is not in the copy' }];
  return [{ name: DIRECTORY, status: 'ok', message: `${names.length} entries` }];
}
