// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Runs a TypeScript script of this repository: `node scripts/run-ts.mjs FILE [ARGUMENT...]`. Node 20 cannot do so itself.
 *
 * The script is bundled with what it imports from packages/ into a temporary file; development dependencies of the root are
 * imported as usual. `import.meta.url`, `.filename` and `.dirname` are those of the source.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { repository } from './lib/repository.mjs';

/** @type {import('esbuild').Plugin} */
const sourceLocations = {
  name: 'source-locations',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (path.includes('/node_modules/')) return undefined;
      /** @type {Record<string, string>} */
      const location = { url: pathToFileURL(path).href, filename: path, dirname: dirname(path) };
      const text = await readFile(path, 'utf8');
      const contents = text.replace(/\bimport\.meta\.(url|filename|dirname)\b/g, (_, key) =>
        JSON.stringify(location[key]),
      );
      return { contents, loader: 'ts' };
    });
  },
};

/**
 * @param {string} script
 * @param {string} outfile
 */
async function bundle(script, outfile) {
  const { devDependencies } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));
  await build({
    entryPoints: [script],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    external: [...Object.keys(devDependencies), 'cpu-features', '*.node'],
    // Bundled CommonJS packages call require.
    banner: {
      js: "import { createRequire as createRequireHere } from 'node:module';const require = createRequireHere(import.meta.url);",
    },
    define: { __VERSION__: '"0.0.0-dev"' },
    plugins: [sourceLocations],
    logLevel: 'warning',
  });
}

/**
 * Settles with the exit code, 128 + number after a signal as shells count.
 *
 * @param {string} file
 * @param {string[]} args
 * @returns {Promise<number>}
 */
function run(file, args) {
  const child = spawn(process.execPath, ['--enable-source-maps', file, ...args], { stdio: 'inherit' });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      // Ctrl-C reaches the child by itself, as it belongs to the same terminal, and a second one would mean "at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  return new Promise((settle, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => settle(signal ? 128 + constants.signals[signal] : (code ?? 1)));
  });
}

const [script, ...args] = process.argv.slice(2);
if (script === undefined) throw new Error('Usage: node scripts/run-ts.mjs FILE [ARGUMENT...]');
const cache = join(repository, 'node_modules/.cache/run-ts');
await mkdir(cache, { recursive: true });
const directory = await mkdtemp(`${cache}/`);
try {
  const file = join(directory, 'script.mjs');
  await bundle(resolve(script), file);
  process.exitCode = await run(file, args);
} finally {
  await rm(directory, { recursive: true, force: true });
}
