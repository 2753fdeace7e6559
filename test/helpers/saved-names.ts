// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { namesForTar } from '../../packages/client/src/archive-paths.ts';
import type { Tree } from '../../packages/client/src/plugin.ts';
import { tarArgs } from '../../packages/client/src/tar-args.ts';

/** What the archive would hold of a tree, without the parents of its paths: relative to its root, in path order. */
export function savedNames({ root, paths, exclude, oneFileSystem }: Tree): string[] {
  const args = tarArgs({ prefix: 'data', root, exclude, oneFileSystem, recursion: true });
  const archive = execFileSync('tar', args, { input: namesForTar(paths), maxBuffer: 1024 ** 3 });
  const names = execFileSync('tar', ['--list', '--null', '--quoting-style=literal', '--show-transformed-names'], {
    input: archive,
  });
  return names
    .toString()
    .split('data/')
    .slice(1)
    .map((name) => name.replace(/\/?\n$/, ''))
    .sort();
}
