// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { RestoreContext } from '../../packages/client/src/plugin-copy.ts';
import { systemBelow } from '../../packages/client/src/plugins/system/index.ts';
import { restoreContext } from './plugin-context.ts';

const PATH = process.env.PATH ?? '';

let work: string;
export const at = (...names: string[]) => join(work, ...names);
export const textOf = (...names: string[]) =>
  existsSync(at(...names)) ? readFileSync(at(...names), 'utf8') : undefined;
/** What programs were called with, but for questions. */
export const calls = () =>
  (textOf('calls') ?? '').split('\n').filter((line) => !/^(?:$|dpkg-query|apt-mark show|systemctl list)/.test(line));

/** A file of the machine's surroundings: `host/...`, `copy/...`, a list of a stand-in. */
export function write(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
}

/** A program in front of all others, which notes its arguments and then does what the script says. */
export function standIn(name: string, script: string): void {
  write(`bin/${name}`, `#!/bin/sh\necho "${name} $*" >>'${at('calls')}'\ncd '${work}'\n${script}\n`);
  chmodSync(at('bin', name), 0o755);
}

export const plugin = () => systemBelow(at('host'));
export const contextOf = (restore: readonly string[], given: Partial<RestoreContext> = {}) => {
  const places = { copy: at('copy'), scratch: at('scratch'), kept: at('kept') };
  return { ...restoreContext(plugin(), { options: { restore }, ...places }), ...given };
};
export const planOf = async (restore: readonly string[]) =>
  ((await plugin().restore?.plan(contextOf(restore))) ?? []).map(({ action, what }) => `${action} ${what}`);

/**
 * A machine in a directory of its own for each test, and Debian's programs: what is installed, marked, held and enabled are lists of
 * lines that they read and write.
 */
export function useDebianStandIns(): void {
  beforeEach(() => {
    work = mkdtempSync(join(tmpdir(), 'system-'));
    for (const name of ['bin', 'host/etc', 'copy/system', 'scratch', 'kept']) mkdirSync(at(name), { recursive: true });
    for (const name of ['installed', 'manual', 'held', 'enabled', 'offered']) write(name, '');
    standIn('dpkg-query', `while read -r name; do printf '%s\\tamd64\\tii \\n' "$name"; done <installed`);
    standIn('apt-cache', `shift; for name; do grep -qx "$name" offered && echo "$name | 1 | x"; done; exit 0`);
    standIn(
      'apt-get',
      'case "$*" in *--download-only*) ;; *install*) for last; do case $last in -*|install|Dpkg*|DPkg*) ;; *) echo "$last" | tee -a manual >>installed;; esac; done;; esac',
    );
    standIn(
      'apt-mark',
      `verb=$1; shift
case $verb in
  showmanual) cat manual;; showhold) cat held;;
  manual) printf '%s\\n' "$@" >>manual;; hold) printf '%s\\n' "$@" >>held;;
  auto|unhold) [ $verb = auto ] && file=manual || file=held
    for name; do grep -vx "$name" $file >new; mv new $file; done;;
esac`,
    );
    standIn(
      'systemctl',
      `case $1 in
  list-unit-files) printf 'ssh.service enabled enabled\\nshop.timer %s enabled\\n' "$(cat enabled)";;
  enable) echo enabled >enabled;; disable) echo disabled >enabled;;
esac`,
    );
    process.env.PATH = `${at('bin')}:${PATH}`;
    write('enabled', 'disabled\n');
    write('installed', 'bash\nvim\n');
    write('manual', 'bash\n');
    write('offered', 'nginx\nmc\n');
    write('copy/system/apt-manual.txt', 'bash\nvim\nnginx\ngone-tool\n');
    write('copy/system/apt-hold.txt', 'nginx\n');
    write(
      'copy/system/unit-files.txt',
      'ssh.service enabled enabled\nshop.timer enabled enabled\nold@.service enabled -\nlost.service enabled enabled\n',
    );
    for (const root of ['host', 'copy/system_files']) write(`${root}/etc/debian_version`, '12.7\n');
  });

  afterEach(() => {
    process.env.PATH = PATH;
    rmSync(work, { recursive: true, force: true });
  });
}
