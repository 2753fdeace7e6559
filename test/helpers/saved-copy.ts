// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Tree } from '../../packages/client/src/plugin.ts';
import { bytesOf } from '../../packages/common/src/byte-path.ts';

/** Makes the copy of a service as the core does, with what GNU tar keeps. Patterns are left to the archive's own tests. */
export function copySaved(trees: readonly Tree[], stage: string, copy: string): void {
  copyTrees(trees, copy);
  execFileSync('cp', ['-a', `${stage}/.`, copy]);
}

/** The trees alone: before `post`, which may take away what they are read from. */
export function copyTrees(trees: readonly Tree[], copy: string): void {
  for (const { root, paths, into } of trees) {
    mkdirSync(join(copy, into), { recursive: true });
    for (const path of paths) {
      execFileSync('cp', ['-a', '--parents', '--', bytesOf(path).toString(), join(copy, into)], { cwd: root });
    }
  }
}
