// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Builds the Debian packages into dist/, or into the folder that is named: `npm run build:deb [-- --outdir DIR]`. Needs no
 * network; the same source gives the same packages, bit for bit.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type BundledPackage, bundledPackages, renderCopyright } from './copyright.ts';
import { launcher } from './launcher.ts';
import { packageFiles } from './package-files.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { values } = parseArgs({ options: { outdir: { type: 'string', default: join(root, 'dist') } } });

/** What of the repository the packages are made from. */
const SOURCES = ['debian', 'systemd', 'docs', 'examples', 'README.md', 'CHANGELOG.md', 'LICENSE'];

/** The shebang of Debian's packages; node is found where Debian has it, whatever PATH says. */
const SHEBANG = ['#!/usr/bin/env node', '#!/usr/bin/node'] as const;

async function putTogether(tree: string): Promise<void> {
  await mkdir(join(tree, 'build'), { recursive: true });
  for (const source of SOURCES) await cp(join(root, source), join(tree, source), { recursive: true });
  const { version, date } = await editionOf(join(tree, 'debian/changelog'));
  const made = join(tree, 'bundles');
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs'), '--outdir', made], { stdio: 'inherit' });
  const inputs: string[] = [];
  for (const side of ['client', 'server']) inputs.push(...(await takeProgram(side, made, join(tree, 'build', side))));
  for (const [name, text] of packageFiles({ version, date })) await write(join(tree, 'build', name), text);
  for (const side of ['client', 'server']) {
    await write(join(tree, 'build/bin', `backup-${side}`), launcher(`backup-${side}`, version));
  }
  await cp(join(root, 'docs/README.md'), join(tree, 'build/index.md'));
  await takePluginPages(join(tree, 'build/plugins'));
  const packages: readonly BundledPackage[] = await bundledPackages(inputs, root);
  const licence = await readFile(join(root, 'LICENSE'), 'utf8');
  await write(join(tree, 'debian/copyright'), renderCopyright(licence, packages));
  await chmod(join(tree, 'debian/rules'), 0o755);
}

/** Puts one program in its place and names the files that are in it. */
async function takeProgram(side: string, made: string, into: string): Promise<readonly string[]> {
  const program = `backup-${side}.cjs`;
  const text = await readFile(join(made, program), 'utf8');
  if (!text.startsWith(SHEBANG[0])) throw new Error(`${program} does not begin with ${SHEBANG[0]}`);
  await write(join(into, program), text.replace(...SHEBANG));
  await cp(join(made, `${program}.map`), join(into, `${program}.map`));
  return JSON.parse(await readFile(join(made, `backup-${side}.inputs.json`), 'utf8'));
}

/** The page of every plugin, which lies beside its source: `build/plugins/<task key>.md`. */
async function takePluginPages(into: string): Promise<void> {
  const from = join(root, 'packages/client/src/plugins');
  await mkdir(into, { recursive: true });
  for (const name of await readdir(from)) {
    const page = join(from, name, 'README.md');
    if (existsSync(page)) await cp(page, join(into, `${name.replaceAll('-', '_')}.md`));
  }
}

/** Version and date of the newest entry of debian/changelog. */
async function editionOf(changelog: string): Promise<{ readonly version: string; readonly date: string }> {
  const text = await readFile(changelog, 'utf8');
  const version = /^local-backup-system \(([^)]+)\)/.exec(text)?.[1] ?? '';
  const date = /^ -- .*?> {2}(.+)$/m.exec(text)?.[1];
  const own = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')).version;
  if (version !== own) throw new Error(`debian/changelog is about ${version}, package.json about ${own}.`);
  return { version, date: new Date(date ?? '').toISOString().slice(0, 10) };
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

async function main(): Promise<void> {
  const outdir = resolve(values.outdir);
  await mkdir(outdir, { recursive: true });
  const work = await mkdtemp(join(outdir, '.deb-'));
  try {
    // Always of one name: it is in debug information and messages.
    const tree = join(work, 'local-backup-system');
    await putTogether(tree);
    execFileSync('make', ['-f', 'debian/rules', 'binary'], {
      cwd: tree,
      stdio: 'inherit',
      env: { ...process.env, LC_ALL: 'C.UTF-8', DEB_RULES_REQUIRES_ROOT: 'no' },
    });
    for (const name of (await readdir(join(tree, 'out'))).sort()) {
      await rename(join(tree, 'out', name), join(outdir, name));
      console.log(join(outdir, name));
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

await main();
