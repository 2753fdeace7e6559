// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
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

/** Words of apt about its sources that are told. */
const MOST_COMPLAINTS = 5;

/**
 * Reads what the sources of apt offer.
 * @returns what apt says against them, as warnings: one that cannot be reached is no error for it (apt-get(8)), and nobody
 *   offers the packages then
 */
export async function updateSources({ exec, signal }: Context): Promise<readonly string[]> {
  const { stderr } = await exec('apt-get', ['--quiet', 'update'], {
    cwd: '/',
    env: QUIET,
    timeoutMs: INSTALL_MS,
    signal,
  });
  const complaints = linesOf(stderr).filter((line) => /^[EW]:/.test(line));
  return complaints.slice(0, MOST_COMPLAINTS).map((line) => `apt-get update: ${showControls(line.slice(0, 500))}`);
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

/** Nobody is asked anything, and needrestart restarts nothing: also the programs that others have apt start. */
const QUIET = {
  DEBIAN_FRONTEND: 'noninteractive',
  UCF_FORCE_CONFFOLD: '1',
  NEEDRESTART_MODE: 'l',
  NEEDRESTART_SUSPEND: '1',
  APT_LISTCHANGES_FRONTEND: 'none',
  APT_LISTBUGS_FRONTEND: 'none',
};

/** On a new machine `apt-daily` is at work as well: seconds that dpkg's lock is waited for. */
const LOCK_SECONDS = 600;

/**
 * Installs packages; nothing is removed for that, and configuration that is on the host stays. Only the download can be
 * interrupted: a dpkg that is ended half-way leaves packages that are not configured.
 * @throws BackupError `failed` with the words of apt, also where something would have to be removed
 */
export async function install(names: readonly string[], { exec, signal, log }: Context): Promise<void> {
  const settings = [`DPkg::Lock::Timeout=${LOCK_SECONDS}`, 'Dpkg::Options::=--force-confold'];
  const args = ['--quiet', '--yes', '--no-remove', ...settings.flatMap((one) => ['-o', one]), 'install', ...names];
  const limits = { cwd: '/', env: QUIET, timeoutMs: INSTALL_MS };
  await exec('apt-get', ['--download-only', ...args], { ...limits, signal });
  const { stdout } = await exec('apt-get', args, limits);
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
