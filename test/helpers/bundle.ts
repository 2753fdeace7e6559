// SPDX-License-Identifier: AGPL-3.0-or-later
import { build } from 'esbuild';

/** Packages in CommonJS that are bundled call `require`, which ES modules do not have. */
const BANNER = "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);";

/** Makes one program of TypeScript source, to be run as a child process by any Node.js from 18 on. */
export async function bundle(source: string, outfile: string): Promise<void> {
  await build({
    stdin: { contents: source, resolveDir: process.cwd(), loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node18',
    banner: { js: BANNER },
    logLevel: 'error',
  });
}
