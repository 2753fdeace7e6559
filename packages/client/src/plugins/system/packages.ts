// SPDX-License-Identifier: AGPL-3.0-or-later
import { findProgram } from '@local-backup/common/find-program';
import type { RestoreContext } from '../../plugin-copy.ts';
import { isPackageName, linesOf, savedLines } from './lists.ts';
import type { SystemOptions } from './options.ts';

type Context = Pick<RestoreContext<SystemOptions>, 'copy' | 'exec' | 'options' | 'signal' | 'log'>;

/** Longest time for an installation, in milliseconds. */
const INSTALL_MS = 6 * 60 * 60_000;

/** Names in one call of apt-cache: its answer is kept whole. */
const AT_ONCE = 200;

/** What of the saved packages is not as it was. */
export interface PackageDifferences {
  /** Installed by hand when it was saved, and not installed now. */
  readonly missing: readonly string[];
  /** Installed by hand then, and now only because another one needs it. Empty where nobody asks. */
  readonly unmarked: readonly string[];
  /** On hold then, installed and not on hold now. Empty where nobody asks. */
  readonly unheld: readonly string[];
  /** Lines of the lists that are no names of packages. */
  readonly strange: number;
}

/**
 * Compares the saved packages with those of the host; undefined where they were not saved, or there is no dpkg.
 * @param withMarks false: only what is missing
 */
export async function packageDifferences(
  context: Context,
  lists: readonly string[],
  withMarks: boolean,
): Promise<PackageDifferences | undefined> {
  const saved = await savedLines(context.copy, 'apt-manual.txt', lists.includes('apt-manual.txt'));
  if (saved === undefined || (await findProgram('dpkg-query')) === undefined) return undefined;
  const held = (await savedLines(context.copy, 'apt-hold.txt', lists.includes('apt-hold.txt'))) ?? [];
  const installed = await installedNow(context);
  const manual = saved.filter(isPackageName);
  const missing = manual.filter((name) => !installed.has(name));
  const strange = [...saved, ...held].filter((name) => !isPackageName(name)).length;
  if (!withMarks) return { missing, unmarked: [], unheld: [], strange };
  const [marks, holds] = [await ask(context, 'showmanual'), await ask(context, 'showhold')];
  return {
    missing,
    unmarked: manual.filter((name) => installed.has(name) && !marks.has(name)),
    unheld: held.filter((name) => isPackageName(name) && installed.has(name) && !holds.has(name)),
    strange,
  };
}

/** Names of what is installed, with and without their architecture. */
async function installedNow(context: Context): Promise<ReadonlySet<string>> {
  const format = `\${Package}\t\${Architecture}\t\${db:Status-Abbrev}\n`;
  const { stdout } = await context.exec('dpkg-query', ['-W', '-f', format], limitsOf(context));
  const rows = linesOf(stdout).map((line) => line.split('\t'));
  // `ii`: wanted and installed; `hi`: on hold and installed.
  const there = rows.filter(([, , state = '']) => /^.i/.test(state));
  return new Set(there.flatMap(([name = '', architecture = '']) => [name, `${name}:${architecture}`]));
}

async function ask(context: Context, what: 'showmanual' | 'showhold'): Promise<ReadonlySet<string>> {
  const { stdout } = await context.exec('apt-mark', [what], limitsOf(context));
  return new Set(linesOf(stdout));
}

function limitsOf({ options, signal }: Context) {
  return { cwd: '/', timeoutMs: options.timeout, limitedBy: '`timeout` of the task', signal };
}

/** Reads what the sources of apt offer. */
export async function updateSources({ exec, signal }: Context): Promise<void> {
  await exec('apt-get', ['--quiet', 'update'], { cwd: '/', timeoutMs: INSTALL_MS, signal });
}

/** Of these names, those that a source of apt has. */
export async function available(names: readonly string[], context: Context): Promise<readonly string[]> {
  const found = new Set<string>();
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const args = ['madison', ...names.slice(at, at + AT_ONCE)];
    const { stdout } = await context.exec('apt-cache', args, limitsOf(context));
    for (const line of linesOf(stdout)) found.add(line.split('|')[0]?.trim() ?? '');
  }
  // It answers without the architecture that was asked for.
  return names.filter((name) => found.has(name) || found.has(name.replace(/:.*/, '')));
}

/**
 * Installs packages; nothing is removed for that, and configuration that is on the host stays.
 * @throws BackupError `failed` with the words of apt, also where something would have to be removed
 */
export async function install(names: readonly string[], { exec, signal, log }: Context): Promise<void> {
  const args = ['--quiet', '--yes', '--no-remove', '-o', 'Dpkg::Options::=--force-confold', 'install', ...names];
  const env = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
  const { stdout } = await exec('apt-get', args, { cwd: '/', env, timeoutMs: INSTALL_MS, signal });
  log.info(linesOf(stdout).slice(-1).join(''));
}

/** Marks installed packages. */
export async function mark(
  as: 'manual' | 'auto' | 'hold' | 'unhold',
  names: readonly string[],
  context: Context,
): Promise<void> {
  if (names.length > 0) await context.exec('apt-mark', [as, ...names], limitsOf(context));
}
