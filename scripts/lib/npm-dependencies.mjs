// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** @param {string} path */
const textOf = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);

/**
 * Installs the npm dependencies when they are missing or are not those of pnpm-lock.yaml.
 *
 * @param {string} repository
 */
export function ensureNpmDependencies(repository) {
  const reason = whyInstall(repository);
  if (reason === undefined) return;
  console.log(`Installing the npm dependencies (${reason}).`);
  // pnpm would leave npm's packages lying beside its own.
  if (madeByNpm(repository)) rmSync(join(repository, 'node_modules'), { recursive: true });
  const { status } = spawnSync('npm', ['run', '--silent', 'setup'], { cwd: repository, stdio: 'inherit' });
  const stillWrong = whyInstall(repository);
  if (status === 0 && stillWrong === undefined) return;
  throw new Error(
    `The npm dependencies could not be installed: ${stillWrong ?? `npm run setup ended with ${status}`}. ` +
      'The lines above say why; most often there is no way to the npm registry. Then type: npm run setup',
  );
}

/**
 * What is wrong with the installed dependencies; undefined when nothing is.
 *
 * @param {string} repository
 */
export function whyInstall(repository) {
  if (!existsSync(join(repository, 'node_modules'))) return 'there are none yet';
  if (madeByNpm(repository)) return 'node_modules was made by npm, which cannot install a pnpm workspace';
  const installed = textOf(join(repository, 'node_modules/.pnpm/lock.yaml'));
  if (installed !== textOf(join(repository, 'pnpm-lock.yaml'))) return 'pnpm-lock.yaml asks for others';
  const missing = workspaceFolders(repository).flatMap(missingIn);
  return missing.length > 0 ? `missing: ${missing.join(', ')}` : undefined;
}

/** @param {string} repository */
const madeByNpm = (repository) => existsSync(join(repository, 'node_modules/.package-lock.json'));

/** @param {string} repository */
function workspaceFolders(repository) {
  const packages = join(repository, 'packages');
  return [repository, ...readdirSync(packages).map((name) => join(packages, name))];
}

/** @param {string} folder */
function missingIn(folder) {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const names = Object.keys({ ...dependencies, ...devDependencies });
  return names.filter((name) => !existsSync(join(folder, 'node_modules', name, 'package.json')));
}
