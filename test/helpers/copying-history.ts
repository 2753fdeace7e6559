// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { History } from '../../packages/server/src/stores/history.ts';

/** Restores by copying a tree: what a repository that is in order would bring back. What is not there is passed over. */
export function copyingFrom(tree: () => string): Pick<History, 'restore'> {
  return {
    async restore({ target, include }) {
      const parts = include.length === 0 ? ['.'] : include.filter((path) => existsSync(join(tree(), path)));
      const copy = 'target=$1; shift; [ $# = 0 ] || cp -a --parents "$@" "$target"';
      execFileSync('sh', ['-c', copy, 'sh', target, ...parts], { cwd: tree() });
      // As a store does it, which knows the times of all directories.
      execFileSync('sh', ['-c', 'find . -type d -exec touch -c -r {} "$1/{}" \\; 2>/dev/null; :', 'sh', target], {
        cwd: tree(),
      });
    },
  };
}
