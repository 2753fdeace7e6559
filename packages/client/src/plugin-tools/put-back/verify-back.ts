// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Check } from '../../plugin-copy.ts';
import { readMounts } from '../snapshot/mounts.ts';
import { compareWithHost, onHost, type PutBack } from './compare.ts';

/**
 * What was put back, while the service runs: each path is there and is of its type. What is in them is the service's by now;
 * how much of it is still there is told.
 */
export async function verifyTrees(trees: readonly PutBack[]): Promise<readonly Check[]> {
  const mounts = await readMounts();
  const checks: Check[] = [];
  for (const tree of trees) {
    const { restored, created, cleared } = await compareWithHost(tree, mounts);
    const wrong = tree.paths.filter((path) => created.includes(path) || cleared.includes(path));
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
