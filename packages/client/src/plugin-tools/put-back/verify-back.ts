// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import type { BytePath } from '@local-backup/common/byte-path';
import type { Check } from '../../plugin-copy.ts';
import { readMounts } from '../snapshot/mounts.ts';
import { bytesBelow } from './bytes-below.ts';
import { compareWithHost, onHost, type PutBack } from './compare.ts';

/**
 * What was put back, while the service runs: each path is there and is of its type. What is in them is the service's by now;
 * how much of it is still there is told.
 */
export async function verifyTrees(trees: readonly PutBack[]): Promise<readonly Check[]> {
  const mounts = await readMounts();
  const checks: Check[] = [];
  for (const tree of trees) {
    const { restored, created } = await compareWithHost(tree, mounts);
    const wrong: BytePath[] = [];
    for (const path of tree.paths) if (!(await isThere(path, tree))) wrong.push(path);
    const there = restored.length - created.length;
    checks.push(
      wrong.length > 0
        ? {
            name: tree.name,
            status: 'failed',
            message: `not there: ${wrong.map((one) => onHost(tree.root, one)).join(', ')}`,
          }
        : { name: tree.name, status: 'ok', message: `${there} of ${restored.length} files and directories are there` },
    );
  }
  return checks;
}

async function isThere(path: BytePath, { data, root }: PutBack): Promise<boolean> {
  const [copy, host] = [await look(data, path), await look(root, path)];
  return copy !== undefined && host !== undefined && copy.isDirectory() === host.isDirectory();
}

async function look(directory: string, path: BytePath): Promise<Stats | undefined> {
  return lstat(bytesBelow(directory, path)).catch(() => undefined);
}
