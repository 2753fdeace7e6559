// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';

/**
 * All extended attributes in a tree, ACLs and capabilities among them, as `getfattr` prints them; one character per byte.
 * Two equal texts are two trees with the same attributes.
 */
export function readAttributes(root: string): string {
  const names = execFileSync('find', ['.', '-mindepth', '1', '-print0'], { cwd: root });
  const sorted = names
    .toString('latin1')
    .split('\0')
    .filter((name) => name !== '')
    .sort();
  return execFileSync('xargs', ['-0', 'getfattr', '-h', '-d', '-m', '-', '-e', 'hex', '--'], {
    cwd: root,
    input: Buffer.from(sorted.map((name) => `${name}\0`).join(''), 'latin1'),
    env: { ...process.env, LC_ALL: 'C' },
  }).toString('latin1');
}
