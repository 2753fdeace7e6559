// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Builds both programs, each as one CommonJS file that runs on Node 18.19 and newer with nothing beside it.
 *
 *     node scripts/build.mjs                 packages/<x>/dist/backup-<x>.cjs
 *     node scripts/build.mjs --outdir DIR    DIR/backup-<x>.cjs, and DIR/backup-<x>.inputs.json: the files that are in it
 */
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { repository } from './lib/repository.mjs';

const PROGRAMS = ['client', 'server'];

/**
 * ssh2 tries native add-ons and goes on in JavaScript without them. They are left out, so that a bundle never loads a
 * file that happens to lie near the place it is installed in.
 *
 * @type {import('esbuild').Plugin}
 */
const withoutNativeAddons = {
  name: 'without-native-addons',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^cpu-features$|\.node$/ }, ({ path }) => ({ path, namespace: 'native-addon' }));
    onLoad({ filter: /.*/, namespace: 'native-addon' }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`${path} is not part of this program`)});`,
    }));
  },
};

/**
 * @param {string} side
 * @param {string} outfile
 * @param {string} version
 */
async function buildProgram(side, outfile, version) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: repository,
    entryPoints: [join(repository, 'packages', side, 'src/cli.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18.19',
    // Readable stack traces are worth more than a smaller file.
    minify: false,
    sourcemap: true,
    legalComments: 'none',
    banner: { js: '#!/usr/bin/env node' },
    define: { __VERSION__: JSON.stringify(version) },
    plugins: [withoutNativeAddons],
    logLevel: 'warning',
    metafile: true,
    write: false,
  });
  for (const { path, contents } of outputFiles) await replaceFile(path, contents, path === outfile ? 0o755 : 0o644);
  if (values.outdir === undefined) return;
  const inputs = Buffer.from(JSON.stringify(Object.keys(metafile.inputs)));
  await replaceFile(outfile.replace(/\.cjs$/, '.inputs.json'), inputs, 0o644);
}

/**
 * A program that is being started meanwhile sees the old or the new file, never half of one.
 *
 * @param {string} path
 * @param {Uint8Array} contents
 * @param {number} mode
 */
async function replaceFile(path, contents, mode) {
  const temporary = `${path}.${process.pid}`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(temporary, contents);
  await chmod(temporary, mode);
  await rename(temporary, path);
}

const { values } = parseArgs({ options: { outdir: { type: 'string' } } });
const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));
await Promise.all(
  PROGRAMS.map((side) => {
    const directory = values.outdir === undefined ? join(repository, 'packages', side, 'dist') : resolve(values.outdir);
    return buildProgram(side, join(directory, `backup-${side}.cjs`), version);
  }),
);
