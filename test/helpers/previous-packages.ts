// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE } from './fleet-base.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
const CHANGELOG = 'debian/changelog';

/** Packages of the version before this one. */
export interface PreviousPackages {
  readonly version: string;
  /** The directory that they lie in. */
  readonly debs: string;
}

/**
 * The packages as they were last given out: built from the newest tag that has another version than this source, else from
 * the last commit whose debian/changelog begins with another one. Kept from one run to the next beside the base file systems.
 *
 * @throws Error where the history does not reach back that far, as in a shallow clone
 */
export function previousPackages(): PreviousPackages {
  const { commit, version } = previousCommit();
  const debs = join(CACHE, `packages-${version}-${commit.slice(0, 12)}`);
  if (existsSync(debs)) return { version, debs };
  const work = mkdtempSync(join(tmpdir(), 'previous-'));
  mkdirSync(CACHE, { recursive: true });
  const made = mkdtempSync(join(CACHE, '.packages-'));
  try {
    buildPackages(commit, work, made);
    renameSync(made, debs);
  } catch (error) {
    // Another run may have made them meanwhile: whole, as they are renamed last.
    if (!existsSync(debs)) throw error;
  } finally {
    for (const directory of [work, made]) rmSync(directory, { recursive: true, force: true });
  }
  return { version, debs };
}

/** With the dependencies that are installed for this source; what the commit builds is its own. */
function buildPackages(commit: string, work: string, into: string): void {
  const source = git('archive', commit);
  execFileSync('tar', ['-x', '-C', work], { input: source });
  symlinkSync(join(REPOSITORY, 'node_modules'), join(work, 'node_modules'));
  for (const name of readdirSync(join(work, 'packages'))) {
    const links = join(REPOSITORY, 'packages', name, 'node_modules');
    if (existsSync(links))
      cpSync(links, join(work, 'packages', name, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  }
  const build = ['scripts/run-ts.mjs', 'scripts/deb/main.ts', '--outdir', into];
  execFileSync(process.execPath, build, { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] });
}

function previousCommit(): { readonly commit: string; readonly version: string } {
  const own = versionIn(readFileSync(join(REPOSITORY, CHANGELOG), 'utf8'));
  deepen();
  for (const commit of candidates()) {
    const version = versionAt(commit);
    if (version !== undefined && version !== own) return { commit, version };
  }
  throw new Error(
    `No commit of this clone has packages of another version than ${own}, so no upgrade can be tested. ` +
      'The whole history is needed: git fetch --unshallow --tags',
  );
}

/** A shallow clone gets the history that it lacks, where it can be had. */
function deepen(): void {
  if (git('rev-parse', '--is-shallow-repository').toString('utf8').trim() !== 'true') return;
  try {
    git('fetch', '--quiet', '--unshallow', '--tags');
  } catch {
    // Perhaps it reaches back far enough; else the error below says what is missing.
  }
}

/** Tags, newest first, then HEAD and what was there before each change of the changelog. */
function candidates(): readonly string[] {
  const lines = (...args: string[]) =>
    git(...args)
      .toString('utf8')
      .split('\n')
      .filter(Boolean);
  const tags = lines('tag', '--merged', 'HEAD', '--sort=-creatordate');
  const changes = lines('log', '--format=%H', '--', CHANGELOG);
  return [...tags.map((tag) => `refs/tags/${tag}`), 'HEAD', ...changes.map((commit) => `${commit}^`)].flatMap(
    (name) => {
      try {
        return lines('rev-parse', '--verify', '--quiet', `${name}^{commit}`);
      } catch {
        // The first commit of all, or of a shallow clone, has none before it.
        return [];
      }
    },
  );
}

function versionAt(commit: string): string | undefined {
  const has = git('ls-tree', '--name-only', commit, CHANGELOG).length > 0;
  return has ? versionIn(git('show', `${commit}:${CHANGELOG}`).toString('utf8')) : undefined;
}

const versionIn = (changelog: string): string => /^\S+ \(([^)]+)\)/.exec(changelog)?.[1] ?? '';

/** Whoever the clone belongs to. */
function git(...args: string[]): Buffer {
  return execFileSync('git', ['-c', 'safe.directory=*', '-C', REPOSITORY, ...args], { maxBuffer: 1e9 });
}
