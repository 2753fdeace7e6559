// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';

/**
 * Where this machine's apt gets Debian's packages from: other releases are fetched from there too.
 *
 * @throws Error where apt has no source of Debian
 */
export function debianMirror(): string {
  const format = '$(ORIGIN)|$(LABEL)|$(REPO_URI)';
  const stdout = execFileSync('apt-get', ['indextargets', '--format', format], { encoding: 'utf8' });
  const targets = stdout.split('\n').map((line) => line.split('|'));
  const known = targets.find(([origin, label]) => origin === 'Debian' && label === 'Debian');
  // Before the first "apt-get update" there are no labels yet; then the usual name of the directory has to do.
  const mirror = (known ?? targets.find(([, , uri]) => uri?.endsWith('/debian/')))?.[2];
  if (mirror === undefined) throw new Error('no Debian mirror among the sources of apt');
  return mirror;
}
