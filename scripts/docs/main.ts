// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Writes docs/reference, docs/samples and docs/schema from the schemas in the source. With `--check` nothing is
 * written; the exit code is 1 where a file is not what would be written.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './generated-files.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const isCheck = process.argv.includes('--check');
const stale: string[] = [];

for (const [name, text] of generatedFiles()) {
  const file = join(root, name);
  const present = await readFile(file, 'utf8').catch(() => undefined);
  if (present === text) continue;
  stale.push(name);
  if (isCheck) continue;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

if (isCheck && stale.length > 0) {
  console.error(`Not up to date: ${stale.join(', ')}\nRun: npm run docs`);
  process.exitCode = 1;
} else {
  console.log(stale.length === 0 ? 'Generated documentation is up to date.' : `Written: ${stale.join(', ')}`);
}
